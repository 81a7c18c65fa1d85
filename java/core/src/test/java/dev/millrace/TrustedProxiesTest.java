// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrustedProxiesTest {

  private static boolean trusts(String network, String ip) throws UnknownHostException {
    return TrustedProxies.of(network).trusts(new InetSocketAddress(InetAddress.getByName(ip), 1));
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0/8, 10.255.0.1, true",
    "10.0.0.0/8, 11.0.0.1, false",
    "192.0.2.128/25, 192.0.2.128, true",
    "192.0.2.128/25, 192.0.2.255, true",
    "192.0.2.128/25, 192.0.2.127, false",
    "192.0.2.1, 192.0.2.1, true",
    "192.0.2.1, 192.0.2.0, false",
    "192.0.2.1/32, 192.0.2.1, true",
    "0.0.0.0/0, 203.0.113.9, true",
    "0.0.0.0/0, 2001:db8::1, false",
    "::/0, 2001:db8::1, true",
    "::/0, 203.0.113.9, false",
    "2001:db8::/32, 2001:db8:ffff::1, true",
    "2001:db8::/32, 2001:db9::1, false",
    "2001:db8::/33, 2001:db8:7fff::1, true",
    "2001:db8::/33, 2001:db8:8000::1, false",
    "::1, ::1, true",
    "::1, ::2, false",
    "::ffff:10.0.0.0/104, 10.1.2.3, true",
    "::ffff:10.0.0.0/104, 11.1.2.3, false",
    "::ffff:10.0.0.1, 10.0.0.1, true",
  })
  void aNetworkHasItsAddresses(String network, String ip, boolean expected) throws Exception {
    assertThat(trusts(network, ip)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/08",
        "10.0.0.0/8/8",
        "10.0.0.1/8",
        "::/129",
        "2001:db8::1/32",
        "::ffff:10.0.0.0/95",
        "010.0.0.1",
        "10.0.0",
        "example.com",
        "[::1]",
        "*"
      })
  void whatIsNoNetworkIsRefused(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TrustedProxies.of("::1", text))
        .withMessageContaining(text);
  }

  @Test
  void nobodyIsTrustedByDefault() {
    TrustedProxies none = TrustedProxies.none();
    assertThat(none.trusts(new InetSocketAddress("127.0.0.1", 1))).isFalse();
    assertThat(none.trusts(UnixDomainSocketAddress.of(""))).isFalse();
    assertThat(none.withUnixSockets().trusts(UnixDomainSocketAddress.of(""))).isTrue();
    assertThat(none.hasProxyProtocol()).isFalse();
  }

  @Test
  void anAddressThatWasNotLookedUpIsNobodys() {
    assertThat(
            TrustedProxies.of("0.0.0.0/0")
                .trusts(InetSocketAddress.createUnresolved("127.0.0.1", 1)))
        .isFalse();
  }

  @Test
  void showsWhatItHolds() {
    assertThat(TrustedProxies.of("10.0.0.0/8", "::1").withForwarded())
        .hasToString(
            "TrustedProxies[networks=[10.0.0.0/8, 0:0:0:0:0:0:0:1/128], unixSockets=false,"
                + " proxyProtocol=false, headers=FORWARDED]");
  }
}
