// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.entry;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UpgradeTest {

  @Test
  void collectsWithoutChangingTheOriginal() {
    Upgrade.Accepted plain = Upgrade.accept();
    Upgrade.Accepted full =
        plain.subprotocol("v2").header("X-Node", "a").attribute("user", 1).attribute("role", "r");

    assertThat(full.subprotocol()).contains("v2");
    assertThat(full.headers()).containsExactly(entry("X-Node", "a"));
    assertThat(full.attributes()).containsExactly(entry("user", 1), entry("role", "r"));
    UnixPeer peer = new UnixPeer(1, 2, 3);
    Upgrade.Accepted known = full.principal(peer);
    for (Upgrade.Accepted changed :
        List.of(known, known.subprotocol("v3"), known.header("X", "y"), known.attribute("a", 1))) {
      assertThat(changed.principal()).contains(peer);
    }
    assertThat(full.principal()).isEmpty();
    assertThat(known.attributes()).isEqualTo(full.attributes());
    assertThat(plain.subprotocol()).isEmpty();
    assertThat(plain.headers()).isEmpty();
    assertThat(plain.attributes()).isEmpty();
  }

  @Test
  void aHeaderReplacesTheSameNameInAnyCase() {
    assertThat(Upgrade.accept().header("X-Node", "a").header("x-node", "b").headers())
        .containsExactly(entry("x-node", "b"));
  }

  @Test
  void rejectsWithAStatusFrom300To599() {
    Upgrade.Rejected rejected = Upgrade.reject(401, "who?").header("WWW-Authenticate", "Bearer");

    assertThat(rejected.status()).isEqualTo(401);
    assertThat(rejected.text()).isEqualTo("who?");
    assertThat(rejected.headers()).containsExactly(entry("WWW-Authenticate", "Bearer"));
    for (int status : new int[] {-1, 0, 101, 200, 299, 600}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Upgrade.reject(status, ""))
          .withMessage("status out of range: status=" + status + ", limits=300..599");
    }
  }

  @Test
  void noValueCanEndItsLine() {
    for (String value : List.of("a\r\nSet-Cookie: b", "a\n", "a\r", "a\0", "\u0001", "\u20AC")) {
      assertThatIllegalArgumentException().isThrownBy(() -> Upgrade.accept().header("X", value));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Upgrade.reject(400, "").header("X", value));
    }
    assertThat(Upgrade.accept().header("X", "a \t\u00e9").headers()).hasSize(1);
  }

  @Test
  void noNameCanBeMoreThanAToken() {
    for (String name : List.of("", " ", "a b", "a:", "a\r\nb", "\u00e9", "a\0", "(a)")) {
      assertThatIllegalArgumentException().isThrownBy(() -> Upgrade.accept().header(name, ""));
      assertThatIllegalArgumentException().isThrownBy(() -> Upgrade.accept().subprotocol(name));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Connection",
        "UPGRADE",
        "Sec-WebSocket-Accept",
        "sec-websocket-protocol",
        "Sec-WebSocket-Extensions",
        "Content-Length",
        "Transfer-Encoding"
      })
  void headersOfTheHandshakeItselfAreTheServersOwn(String name) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Upgrade.accept().header(name, "x"))
        .withMessage("header is set by the server itself: name=" + name);
  }
}
