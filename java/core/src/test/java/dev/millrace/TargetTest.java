// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.millrace.internal.spi.AbstractSocketAddress;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TargetTest {

  private static Target of(String uri) {
    return Target.of(URI.create(uri));
  }

  @ParameterizedTest
  @CsvSource({
    "ws://h, h, 80, h, /",
    "ws://h:80/, h, 80, h, /",
    "ws://h:/x, h, 80, h, /x",
    "WS://H:9001/a%20b?c=d&e, H, 9001, H:9001, /a%20b?c=d&e",
    "ws://127.0.0.1:1/, 127.0.0.1, 1, 127.0.0.1:1, /",
    "ws://[::1]:9001/x, ::1, 9001, [::1]:9001, /x",
    "ws://[fe80::1%25eth0]:9001/x, fe80::1%eth0, 9001, [fe80::1]:9001, /x",
    "ws://my_service:9001?q, my_service, 9001, my_service:9001, /?q",
    "ws://user:pass@h:1/, h, 1, h:1, /",
    "ws://bücher.example/ä?ö, xn--bcher-kva.example, 80, xn--bcher-kva.example, /%C3%A4?%C3%B6",
  })
  void tcp(String uri, String host, int port, String authority, String resource) {
    Target target = of(uri);

    assertThat(target.host()).isEqualTo(host);
    assertThat(target.port()).isEqualTo(port);
    assertThat(target.authority()).isEqualTo(authority);
    assertThat(target.resource()).isEqualTo(resource);
    assertThat(target.local()).isNull();
  }

  @ParameterizedTest
  @CsvSource({
    "ws+unix:///run/app.sock:/echo?x=1, /run/app.sock, /echo?x=1",
    "ws+unix:///run/app.sock, /run/app.sock, /",
    "ws+unix:/run/app.sock:/a:/b, /run/app.sock, /a:/b",
    "ws+unix:///run/a%20b:/c%20d, /run/a b, /c%20d",
  })
  void unixSockets(String uri, String socket, String resource) {
    Target target = of(uri);

    assertThat(target.local()).isEqualTo(UnixDomainSocketAddress.of(socket));
    assertThat(target.resource()).isEqualTo(resource);
    assertThat(target.authority()).isEqualTo("localhost");
  }

  @ParameterizedTest
  @CsvSource({
    "ws+unix:@app:/echo?x=1, app, /echo?x=1",
    "ws+unix:@app, app, /",
    "ws+unix:@a%20b?c, a b, /?c",
  })
  void abstractNames(String uri, String name, String resource) {
    Target target = of(uri);

    assertThat(target.local()).isEqualTo(new AbstractSocketAddress(name));
    assertThat(target.resource()).isEqualTo(resource);
  }

  @ParameterizedTest
  @CsvSource({
    "wss://h/, wss is not in 0.1.0",
    "tcp://h:1, tcp is not in 0.1.0",
    "http://h/, unknown scheme",
    "//h/, no scheme",
    "ws:h, no host",
    "ws:///x, no host",
    "ws://h/#f, a WebSocket URI has no fragment",
    "ws://h:0/, port out of range: port=0",
    "ws://h:65536/, port out of range: port=65536",
    "ws://h:x/, port out of range: port=x",
    "ws://a:b:1/, no valid host",
    "ws://a~b/, no valid host",
    "ws+unix://run/x.sock, the path of a Unix socket is absolute",
    "ws+unix:///run/:/x, not the path of a socket",
    "ws+unix:@:/x, an abstract name has at least one character",
    "ws+unix:@a%00b, an abstract name has at least one character",
  })
  void refusals(String uri, String why) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> of(uri))
        .withMessageStartingWith("cannot connect to " + uri + ": " + why)
        .withMessageEndingWith(
            "; use ws://HOST:PORT/PATH, ws+unix:///SOCKET:/PATH or ws+unix:@NAME:/PATH");
  }

  @Test
  void lengthsOfSocketNamesAreLimited() {
    assertThat(of("ws+unix:///" + "a".repeat(106)).local()).isNotNull();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> of("ws+unix:///" + "a".repeat(107)))
        .withMessageContaining("path too long: length=108, limit=107 bytes");
    assertThatIllegalArgumentException().isThrownBy(() -> of("ws+unix:@" + "a".repeat(107)));
  }

  @Test
  void credentialsBecomeBasicAndAreShownNowhere() {
    Target target = of("ws://Aladdin:open%20sesame@h/");

    assertThat(target.authorization()).isEqualTo("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assertThat(target.toString()).isEqualTo("ws://h/");
    assertThat(of("ws://ada@h/").authorization()).isEqualTo("Basic YWRhOg==");
    assertThat(of("ws://h/").authorization()).isNull();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> of("wss://a:secret@h/"))
        .withMessageNotContaining("secret");
  }

  @ParameterizedTest
  @CsvSource({
    "/x, ws://h:1/x",
    "x, ws://h:1/a/x",
    "../x, ws://h:1/x",
    "?q, ws://h:1/a/b?q",
    "//other/x, ws://other/x",
    "//h:1/x, ws://h:1/x",
    "http://other:2/x?y, ws://other:2/x?y",
    "ws://other:2/x#f, ws://other:2/x",
  })
  void redirects(String location, String expected) {
    Target next = of("ws://u:p@h:1/a/b?c").redirected(location);

    Target wanted = of(expected);
    assertThat(next.withoutCredentials()).isEqualTo(wanted);
    boolean relative = next.credentials() != null;
    assertThat(relative).isEqualTo(!location.contains("//"));
  }

  @Test
  void aUnixSocketIsKeptByRelativeRedirects() {
    Target next = of("ws+unix:///run/x:/a").redirected("/b?c");

    assertThat(next).isEqualTo(of("ws+unix:///run/x:/b?c"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"https://h/", "wss://h/", "mailto:x", "ws+unix:///run/x:/", "a b", "//"})
  void redirectsThatAreNotTaken(String location) {
    assertThatIllegalArgumentException().isThrownBy(() -> of("ws://h/").redirected(location));
  }

  @Test
  void anOriginIsHostAndPort() {
    assertThat(of("ws://h/a").isSameOrigin(of("ws://H:80/b?c"))).isTrue();
    assertThat(of("ws://h/").isSameOrigin(of("ws://h:81/"))).isFalse();
    assertThat(of("ws://h/").isSameOrigin(of("ws://g/"))).isFalse();
    assertThat(of("ws+unix:///a:/x").isSameOrigin(of("ws+unix:///a:/y"))).isTrue();
    assertThat(of("ws+unix:///a:/x").isSameOrigin(of("ws+unix:///b:/x"))).isFalse();
    assertThat(of("ws+unix:///a:/x").isSameOrigin(of("ws://a/x"))).isFalse();
  }

  @Test
  void headersThatTheHandshakeUsesAreNotTaken() {
    ConnectRequest request = ConnectRequest.to(URI.create("ws://h/")).withHeader("A", "b");

    assertThat(request.headers()).containsEntry("A", "b");
    for (String name : new String[] {"host", "Upgrade", "Sec-WebSocket-Key", "Content-Length"}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> request.withHeader(name, "x"))
          .withMessage("header is set by the client itself: name=" + name);
    }
    assertThatIllegalArgumentException().isThrownBy(() -> request.withHeader("X", "a\r\nY: b"));
    assertThatIllegalArgumentException().isThrownBy(() -> request.withSubprotocols("a", "a"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"https://h:1", "http://h", "h:1", "http://h:1/x", "http://h:1?x"})
  void proxiesAreHttpWithAPort(String uri) {
    assertThatIllegalArgumentException().isThrownBy(() -> HttpProxy.of(URI.create(uri)));
  }

  @Test
  void proxyWithUser() {
    HttpProxy proxy = HttpProxy.of(URI.create("http://ada:pw@[::1]:3128"));

    assertThat(proxy.host()).isEqualTo("::1");
    assertThat(proxy.port()).isEqualTo(3128);
    assertThat(proxy.authorization()).isEqualTo("Basic YWRhOnB3");
    assertThat(proxy.toString()).isEqualTo("[::1]:3128");
  }
}
