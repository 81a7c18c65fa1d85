// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PlainHandshakeTest {

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, 1",
    "255.254.253.252, 65535",
    "::1, 32768",
    "2001:db8:ffff:fffe:8000:7fff:0:1, 443",
    "ff02::8000:0:0:0, 0"
  })
  void theAddressComesBackAsItWas(String ip, int port) throws Exception {
    SocketAddress remote = new InetSocketAddress(InetAddress.getByName(ip), port);
    assertThat(PlainHandshake.of("/", remote).remoteAddress()).isEqualTo(remote);
  }

  @Test
  void whatHasMoreThanIpAndPortIsKeptAsItIs() throws Exception {
    byte[] linkLocal = InetAddress.getByName("fe80::1").getAddress();
    InetAddress scoped = Inet6Address.getByAddress("peer", linkLocal, 3);
    for (SocketAddress remote :
        new SocketAddress[] {
          new InetSocketAddress(scoped, 1),
          InetSocketAddress.createUnresolved("peer.example", 1),
          UnixDomainSocketAddress.of("/run/peer.sock")
        }) {
      assertThat(PlainHandshake.of("/", remote).remoteAddress()).isSameAs(remote);
    }
  }

  @Test
  void thereIsNothingButPathAndAddress() throws Exception {
    InetAddress ip = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    SocketAddress remote = new InetSocketAddress(ip, 7);
    Handshake handshake = PlainHandshake.of("/a%20b", remote);
    assertThat(handshake.path()).isEqualTo("/a%20b");
    assertThat(handshake.query()).isEmpty();
    assertThat(handshake.parameters()).isEmpty();
    assertThat(handshake.header("Host")).isEmpty();
    assertThat(handshake.subprotocol()).isEmpty();
    assertThat(handshake.attributes()).isEmpty();
    assertThat(handshake.peer()).isEmpty();
    assertThat(handshake).hasToString("Handshake[path=/a%20b, remoteAddress=" + remote + "]");
  }
}
