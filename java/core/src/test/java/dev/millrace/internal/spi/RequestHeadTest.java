// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class RequestHeadTest {

  private static final InetSocketAddress PEER = new InetSocketAddress("127.0.0.1", 1);

  private static RequestHead head(String... lines) {
    String text = String.join("\r\n", lines) + "\r\n\r\n";
    return new RequestHead(text.getBytes(StandardCharsets.ISO_8859_1), RequestHead.Kind.GET, PEER);
  }

  @Test
  void splitsTheTarget() {
    assertThat(head("GET /a/b?c=d&e HTTP/1.1").path()).isEqualTo("/a/b");
    assertThat(head("GET /a/b?c=d&e HTTP/1.1").query()).isEqualTo("c=d&e");
    assertThat(head("GET /a HTTP/1.1").query()).isNull();
    assertThat(head("GET /a? HTTP/1.1").query()).isEmpty();
    assertThat(head("GET /a??b HTTP/1.1").query()).isEqualTo("?b");
    assertThat(head("GET /a?x://y/z HTTP/1.1").path()).isEqualTo("/a");
    assertThat(head("GET /%41 HTTP/1.1").path()).isEqualTo("/%41");
  }

  /** RFC 9112 3.2.2: the authority of an absolute target replaces Host. */
  @Test
  void readsTheAbsoluteForm() {
    RequestHead head = head("GET http://example.com:81/a?b HTTP/1.1", "Host: other");

    assertThat(head.path()).isEqualTo("/a");
    assertThat(head.query()).isEqualTo("b");
    assertThat(head.authority()).contains("example.com:81");
    assertThat(head("GET http://example.com HTTP/1.1").path()).isEqualTo("/");
    assertThat(head("GET http://example.com?b HTTP/1.1").path()).isEqualTo("/");
    assertThat(head("GET http://example.com?b HTTP/1.1").query()).isEqualTo("b");
    assertThat(head("GET http://example.com?b HTTP/1.1").authority()).contains("example.com");
    assertThat(head("GET /a HTTP/1.1", "Host: other").authority()).contains("other");
    assertThat(head("GET /a HTTP/1.1").authority()).isEmpty();
  }

  @Test
  void findsHeadersInAnyCase() {
    RequestHead head =
        head("GET / HTTP/1.1", "Host: h", "X-Two:  \t one \t", "x-two:two", "X-Twofold: no", "E:");

    assertThat(head.header("x-TWO")).contains("one");
    assertThat(head.headers("X-Two")).containsExactly("one", "two");
    assertThat(head.header("E")).contains("");
    assertThat(head.header("X-T")).isEmpty();
    assertThat(head.headers("absent")).isEmpty();
  }

  @Test
  void doesNotMistakeTheRequestLineOrAValueForAHeader() {
    RequestHead head = head("GET /X: HTTP/1.1", "A: Host: evil");

    assertThat(head.header("Host")).isEmpty();
    assertThat(head.header("GET /X")).isEmpty();
    assertThat(head.header("A")).contains("Host: evil");
  }

  @Test
  void readsValuesAsLatin1() {
    assertThat(head("GET / HTTP/1.1", "N: \u00e9").header("n")).contains("\u00e9");
  }

  /** The engine sends no such heads; still none may end in an exception. */
  @Test
  void everyPrefixAndEveryBrokenByteIsReadWithoutAnException() {
    byte[] whole =
        "GET http://h:1/a?b HTTP/1.1\r\nHost: x\r\nX: y\r\n\r\n"
            .getBytes(StandardCharsets.ISO_8859_1);
    for (int length = 0; length <= whole.length; length++) {
      read(Arrays.copyOf(whole, length));
    }
    for (int i = 0; i < whole.length; i++) {
      for (byte b : new byte[] {0, ' ', '\r', '\n', ':', '/', '?', (byte) 0xFF}) {
        byte[] broken = whole.clone();
        broken[i] = b;
        read(broken);
      }
    }
  }

  private static void read(byte[] bytes) {
    RequestHead head = new RequestHead(bytes, RequestHead.Kind.GET, PEER);
    String query = head.query();
    assertThat(query == null || query.length() < bytes.length).isTrue();
    assertThat(head.path()).isNotNull();
    assertThat(head.authority()).isNotNull();
    assertThat(head.header("Host")).isNotNull();
    assertThat(head.headers("X")).isNotNull();
  }
}
