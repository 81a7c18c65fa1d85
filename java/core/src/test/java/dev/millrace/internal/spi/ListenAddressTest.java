// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ListenAddressTest {

  @Test
  void readsTcpAddresses() {
    ListenAddress address = ListenAddress.parse("ws://127.0.0.1:9001");

    assertThat(address.uri()).isEqualTo(URI.create("ws://127.0.0.1:9001"));
    assertThat(address.tcp()).isEqualTo(new InetSocketAddress("127.0.0.1", 9001));
    assertThat(address.local()).isNull();
    assertThat(ListenAddress.parse("WS://0.0.0.0:0/").tcp())
        .isEqualTo(new InetSocketAddress("0.0.0.0", 0));
    assertThat(ListenAddress.parse("ws://[::1]:9001").tcp())
        .isEqualTo(new InetSocketAddress("::1", 9001));
  }

  @Test
  void readsUnixSockets() {
    ListenAddress address = ListenAddress.parse("ws+unix:///run/my%20app.sock");

    assertThat(address.local()).isEqualTo(Path.of("/run/my app.sock"));
    assertThat(address.tcp()).isNull();
    assertThat(address.abstractName()).isNull();
  }

  @Test
  void readsAbstractNames() {
    ListenAddress address = ListenAddress.parse("ws+unix:@my%20app/1");

    assertThat(address.abstractName()).isEqualTo("my app/1");
    assertThat(address.local()).isNull();
    assertThat(address.tcp()).isNull();
    assertThat(address.boundUri(0)).isEqualTo(URI.create("ws+unix:@my%20app/1"));
    assertThat(ListenAddress.parse("WS+UNIX:@a@b").abstractName()).isEqualTo("a@b");
    assertThat(ListenAddress.parse("ws+unix:@" + "x".repeat(106)).abstractName()).hasSize(106);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ListenAddress.parse("ws+unix:@" + "x".repeat(107)))
        .withMessageContaining("name too long: length=107, limit=106 bytes");
  }

  @Test
  void takesThePortThatWasBound() {
    ListenAddress any = ListenAddress.parse("ws://127.0.0.1:0");

    assertThat(any.withPort(4711).tcp()).isEqualTo(new InetSocketAddress("127.0.0.1", 4711));
    assertThat(any.withPort(4711).uri()).isEqualTo(any.uri());
    ListenAddress unix = ListenAddress.parse("ws+unix:@x");
    assertThat(unix.withPort(4711)).isSameAs(unix);
  }

  @Test
  void tellsTheBoundPort() {
    assertThat(ListenAddress.parse("ws://127.0.0.1:0").boundUri(4711))
        .isEqualTo(URI.create("ws://127.0.0.1:4711"));
    assertThat(ListenAddress.parse("ws://[::1]:0").boundUri(4711))
        .isEqualTo(URI.create("ws://[::1]:4711"));
    assertThat(ListenAddress.parse("ws+unix:///run/x").boundUri(0))
        .isEqualTo(URI.create("ws+unix:///run/x"));
  }

  @ParameterizedTest
  @CsvSource({
    "ws://127.0.0.1, the port is missing",
    "ws://127.0.0.1:, the port is missing",
    "ws://127.0.0.1:65536, 'port=65536, limits=0..65535'",
    "ws://127.0.0.1:80/echo, paths belong to routes",
    "ws://127.0.0.1:80?a, no query",
    "ws://user@127.0.0.1:80, no user",
    "ws://:80, no valid host",
    "ws://*:80, no valid host",
    "ws:127.0.0.1:80, no valid host",
    "wss://127.0.0.1:80, not in 0.1.0",
    "tcp://127.0.0.1:80, not in 0.1.0",
    "http://127.0.0.1:80, unknown scheme",
    "127.0.0.1:80, not a URI",
    "'', unknown scheme",
    "ws+unix:run/x, absolute",
    "ws+unix://run/x, absolute",
    "ws+unix:///run/x/, not the path of a file",
    "ws+unix:///run/x%00, not the path of a file",
    "ws+unix:///run/x.sock:/echo, belongs to clients",
    "ws+unix:@, at least one character",
    "ws+unix:@a%00b, no zero",
    "ws+unix:@a:/echo, belongs to clients",
    "ws+unix:@a?b, no query",
    "ws+unix:@a#b, no query or fragment",
    "ws+unix://@a, absolute",
  })
  void refusesWithTheTextTheReasonAndTheRemedy(String text, String reason) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ListenAddress.parse(text))
        .withMessageStartingWith("cannot listen on " + text + ": ")
        .withMessageContaining(reason)
        .withMessageContaining("use ws://HOST:PORT or ws+unix:///PATH");
  }

  @Test
  void refusesAPathThatNoSocketCanHave() {
    String longest = "/" + "x".repeat(106);

    assertThat(ListenAddress.parse("ws+unix://" + longest).local()).isEqualTo(Path.of(longest));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ListenAddress.parse("ws+unix://" + longest + "x"))
        .withMessageContaining("length=108, limit=107 bytes");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ListenAddress.parse("ws+unix:///" + "%C3%A4".repeat(54)))
        .withMessageContaining("length=109, limit=107 bytes");
  }
}
