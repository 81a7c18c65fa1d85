// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ServerBuilderTest {

  private final Server.Builder builder = Server.builder();

  /** Overloads that a reader of the README would write; that it compiles is the test. */
  private static final class Room implements Handler {
    @Override
    public void onMessage(Connection connection, Message message) {
      connection.send(message);
    }
  }

  @Test
  void theShapesOfTheReadmeAreNotAmbiguous() {
    builder
        .route("/echo", (connection, message) -> connection.send(message))
        .route("/rooms/{room}", Room::new)
        .route("/one", new Room())
        .route("/each", () -> new Room())
        .route("/loop", Room::new, HandlerExecutor.loop())
        .route("/pool", new Room(), HandlerExecutor.of(Runnable::run))
        .route("/direct", (connection, message) -> {}, HandlerExecutor.of(Runnable::run))
        .get("/health", "text/plain", () -> "ok")
        .getBytes("/favicon.ico", "image/x-icon", () -> new byte[0])
        .onUpgrade(
            request ->
                request.header("authorization").isPresent()
                    ? Upgrade.accept().subprotocol("v2").attribute("user", "ada")
                    : Upgrade.reject(401, "token missing or expired"))
        .onUpgradeAsync(
            request ->
                CompletableFuture.supplyAsync(() -> Upgrade.accept().attribute("user", "ada")),
            Duration.ofSeconds(2))
        .redactPrincipals(name -> "user#" + Integer.toHexString(name.hashCode()))
        .relax(ProtocolRule.MASKED_FRAMES, ProtocolRule.VERSION);

    assertThatIllegalStateException()
        .isThrownBy(builder::start)
        .withMessage("no address: call listen(\"ws://HOST:PORT\") first");
  }

  @Test
  void mistakesAreToldAtTheCall() {
    builder.route("/a", new Room()).get("/b", "text/plain", () -> "");

    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.loops(0))
        .withMessage("loops out of range: loops=0, limits=1..256");
    assertThatIllegalArgumentException().isThrownBy(() -> builder.loops(257));
    assertThatIllegalArgumentException().isThrownBy(() -> builder.listen("http://x:1"));
    assertThatIllegalArgumentException().isThrownBy(() -> builder.route("/a", Room::new));
    assertThatIllegalArgumentException().isThrownBy(() -> builder.route("a", Room::new));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.get("/b", "text/plain", () -> ""));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.get("/{c}", "text/plain", () -> ""))
        .withMessage("get serves exact paths: path=/{c}");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.get("/c", "text/plain\r\nX: y", () -> ""));
    assertThatIllegalArgumentException().isThrownBy(() -> builder.allowOrigins("example.com"));
    assertThatIllegalArgumentException().isThrownBy(() -> builder.keepHeaders("a b"));
    for (Duration outside : List.of(Duration.ZERO, Duration.ofSeconds(3601))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> builder.onUpgradeAsync(request -> null, outside))
          .withMessage("deadline out of range: value=" + outside + ", limits=PT0.001S..PT1H");
    }
  }

  @Test
  void takes64AddressesAndNoMore() {
    for (int i = 0; i < 64; i++) {
      builder.listen("ws://127.0.0.1:0");
    }

    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.listen("ws://127.0.0.1:0"))
        .withMessage("too many addresses: count=65, limit=64");
  }

  @Test
  void whatComesLaterSaysSo() {
    assertThatThrownBy(() -> builder.load(new Properties()))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageEndingWith("not in 0.1.0");
  }
}
