// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.internal.spi.Admission;
import dev.millrace.internal.spi.CompressionBudget;
import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.NamedPeer;
import dev.millrace.internal.spi.RequestHead;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.UnaryOperator;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Decisions on upgrades: their time, their places, and whose they are. */
class UpgradesTest {

  private static final InetSocketAddress PEER = new InetSocketAddress("192.0.2.7", 4711);
  private static final Duration DEADLINE = Duration.ofSeconds(3);

  private final List<LogRecord> logged = new ArrayList<>();
  private final Logger logger = Logger.getLogger("dev.millrace");
  private final LogCapture capture = new LogCapture();
  private final Router<Dispatcher.Route> routes = new Router<>();
  private final CompletableFuture<Upgrade> decided = new CompletableFuture<>();
  private Limits limits = Limits.defaults().withMaxConnectionsPerRoute(1);
  private Admissions admissions = new Admissions(limits, () -> 0);
  private UnaryOperator<String> redaction = UnaryOperator.identity();
  private Compression compression = Compression.disabled();
  private CompressionBudget budget = CompressionBudget.of(compression);
  private String fields = "";
  private int handlers;

  private final class LogCapture extends java.util.logging.Handler {
    @Override
    public void publish(LogRecord record) {
      logged.add(record);
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @BeforeEach
  void captureLog() {
    logger.setUseParentHandlers(false);
    logger.setLevel(Level.ALL);
    logger.addHandler(capture);
    routes.add(
        "/",
        new Dispatcher.Route(
            () -> {
              handlers++;
              return (connection, message) -> {};
            },
            HandlerExecutor.loop()));
  }

  @AfterEach
  void releaseLog() {
    logger.removeHandler(capture);
    logger.setUseParentHandlers(true);
  }

  private Decision dispatch(UpgradeHook hook) {
    Upgrades upgrades =
        new Upgrades(
            OriginPolicy.of(Set.of()), admissions, hook, List.of(), redaction, compression);
    budget = upgrades.budget();
    byte[] head =
        ("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n").getBytes(StandardCharsets.ISO_8859_1);
    return new Dispatcher(routes, new Router<>(), upgrades, TrustedProxies.none())
        .dispatch(new RequestHead(head, RequestHead.Kind.UPGRADE, PEER));
  }

  private Decision now(Upgrade upgrade) {
    return dispatch(new UpgradeHook.AtOnce(request -> upgrade));
  }

  private Decision inTime(CompletionStage<Upgrade> stage) {
    return dispatch(new UpgradeHook.InTime(request -> stage, DEADLINE));
  }

  private Decision.Later later() {
    return (Decision.Later) inTime(decided);
  }

  private static Decision.Accept accepted(Decision decision) {
    assertThat(decision).isInstanceOf(Decision.Accept.class);
    return (Decision.Accept) decision;
  }

  private static String response(Decision decision) {
    assertThat(decision).isInstanceOf(Decision.Respond.class);
    ByteBuffer response = ((Decision.Respond) decision).response();
    return StandardCharsets.ISO_8859_1.decode(response.duplicate()).toString();
  }

  private Decision decision(Decision.Later later) {
    return later.decision().toCompletableFuture().join();
  }

  private int held() {
    return admissions.statistics(0).connectionsByRoute().getOrDefault("/", 0);
  }

  @Test
  void aRequestBeyondTheLimitIsRefusedBeforeAnybodyIsAsked() {
    Handshake handshake = accepted(now(Upgrade.accept())).handshake();
    assertThat(response(dispatch(new UpgradeHook.AtOnce(request -> unexpected()))))
        .startsWith("HTTP/1.1 503 Service Unavailable\r\n")
        .contains("\r\nRetry-After: 1\r\n")
        .endsWith("\r\n\r\ntoo many connections to this path\n");
    ((Admission) handshake).release();
    accepted(now(Upgrade.accept()));
  }

  private static Upgrade unexpected() {
    throw new AssertionError("asked for");
  }

  @Test
  void whatIsTurnedAwayHoldsNoPlace() {
    assertThat(response(now(Upgrade.reject(401, "who?")))).contains(" 401 ");
    assertThat(held()).isZero();
    assertThat(response(dispatch(new UpgradeHook.AtOnce(request -> unexpected()))))
        .contains(" 500 ");
    assertThat(held()).isZero();
    assertThat(response(now(Upgrade.accept().subprotocol("none")))).contains(" 500 ");
    assertThat(held()).isZero();
    assertThat(response(inTime(null))).contains(" 500 ");
    assertThat(held()).isZero();
    accepted(now(Upgrade.accept()));
    assertThat(held()).isEqualTo(1);
  }

  @Test
  void aConnectionThatNobodyCountsKeepsNoObjectForIt() {
    admissions = new Admissions(Limits.defaults().withMaxUpgradesPerSecond(5), () -> 0);
    assertThat(accepted(now(Upgrade.accept())).handshake())
        .isInstanceOf(PlainHandshake.class)
        .isNotInstanceOf(Admission.class);
  }

  @Test
  void aDecisionThatIsThereIsTakenAtOnce() {
    accepted(inTime(CompletableFuture.completedFuture(Upgrade.accept())));
    assertThat(handlers).isEqualTo(1);
  }

  @Test
  void aDecisionInItsTimeHoldsItsPlaceFromTheRequestOn() {
    Decision.Later later = later();
    assertThat(later.deadline()).isEqualTo(DEADLINE);
    assertThat(response(later.late()))
        .startsWith("HTTP/1.1 503 ")
        .contains("\r\nRetry-After: 1\r\n");
    assertThat(held()).isEqualTo(1);
    assertThat(handlers).isZero();
    decided.complete(Upgrade.accept().attribute("user", "ada"));
    Handshake handshake = accepted(decision(later)).handshake();
    assertThat(handshake.attributes()).containsEntry("user", "ada");
    assertThat(held()).isEqualTo(1);
    ((Admission) handshake).release();
    assertThat(held()).isZero();
  }

  @Test
  void aRejectionInItsTime() {
    Decision.Later later = later();
    decided.complete(Upgrade.reject(403, "no"));
    assertThat(response(decision(later))).contains(" 403 ");
    assertThat(held()).isZero();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aDecisionThatFailsIs500AndLoggedWithItsCause(boolean before) {
    IllegalStateException cause = new IllegalStateException("planted");
    CompletionStage<Upgrade> stage =
        decided.thenApply(
            upgrade -> {
              throw cause;
            });
    if (before) {
      decided.complete(Upgrade.accept());
    }
    Decision decision = inTime(stage);
    decided.complete(Upgrade.accept());
    Decision answer = before ? decision : decision((Decision.Later) decision);
    assertThat(response(answer)).startsWith("HTTP/1.1 500 ").doesNotContain("planted");
    assertThat(logged).hasSize(1);
    assertThat(logged.get(0).getThrown()).isSameAs(cause);
    assertThat(held()).isZero();
  }

  @Test
  void aDecisionOfNullIs500AndLogged() {
    Decision.Later later = later();
    decided.complete(null);
    assertThat(response(decision(later))).startsWith("HTTP/1.1 500 ");
    assertThat(logged).hasSize(1);
    assertThat(held()).isZero();
  }

  /** The place is free at once, whatever the application does later, and no handler is made. */
  @Test
  void aDecisionThatNobodyWaitsForComesToNothing() {
    Decision.Later later = later();
    later.abandon().run();
    assertThat(held()).isZero();
    accepted(now(Upgrade.accept()));
    decided.complete(Upgrade.accept());
    later.abandon().run();
    assertThat(held()).isEqualTo(1);
    assertThat(decision(later)).isInstanceOf(Decision.Respond.class);
    assertThat(handlers).isEqualTo(1);
  }

  // ---- Compression.

  private void offerDeflate() {
    compression = Compression.enabled().withContextTakeover(true);
    fields = "Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
  }

  @Test
  void anOfferIsAnsweredAndItsMemoryHeldUntilTheEnd() {
    offerDeflate();
    admissions = new Admissions(Limits.defaults(), () -> 0);
    Decision.Accept accept = accepted(now(Upgrade.accept()));
    assertThat(accept.headerLines()).isEqualTo("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assertThat(accept.deflate()).isNotNull();
    assertThat(budget.takenBytes()).isPositive();
    ((Admission) accept.handshake()).release();
    assertThat(budget.takenBytes()).isZero();
    compression = Compression.disabled();
    assertThat(accepted(now(Upgrade.accept())).headerLines()).isEmpty();
  }

  @Test
  void whatIsTurnedAwayHoldsNoMemory() {
    offerDeflate();
    assertThat(response(now(Upgrade.accept().subprotocol("none")))).contains(" 500 ");
    assertThat(budget.takenBytes()).isZero();
    assertThat(held()).isZero();
  }

  @Test
  void aDecisionThatNobodyWaitsForHoldsNoMemory() {
    offerDeflate();
    Decision.Later later = later();
    decided.complete(Upgrade.accept());
    assertThat(budget.takenBytes()).isPositive();
    later.abandon().run();
    assertThat(budget.takenBytes()).isZero();
    assertThat(held()).isZero();
  }

  private static NamedPeer named(Decision decision) {
    return (NamedPeer) accepted(decision).handshake();
  }

  @Test
  void thePrincipalOfTheApplicationIsThePeer() {
    Principal ada = () -> "ada";
    Decision decision = now(Upgrade.accept().principal(ada).attribute("role", "countess"));
    Handshake handshake = accepted(decision).handshake();
    assertThat(handshake.peer()).containsSame(ada);
    assertThat(handshake.attributes()).containsEntry("role", "countess");
    assertThat(named(decision).loggedPeer()).isEqualTo("ada");
    assertThat(handshake.toString()).contains("[peer=ada]").doesNotContain("countess");
  }

  @Test
  void itsNameIsRedactedAndCannotEndALine() {
    admissions = new Admissions(Limits.defaults(), () -> 0);
    Principal hostile = () -> "ada\r\n2026 INFO all is well\u202e";
    assertThat(named(now(Upgrade.accept().principal(hostile))).loggedPeer())
        .isEqualTo("ada\\u000d\\u000a2026 INFO all is well\\u202e");
    redaction = name -> "user " + name.length() + "\n";
    assertThat(named(now(Upgrade.accept().principal(() -> "ada"))).loggedPeer())
        .isEqualTo("user 3\\u000a");
  }

  @Test
  void whatCannotBeRedactedIsNotShown() {
    admissions = new Admissions(Limits.defaults(), () -> 0);
    redaction =
        name -> {
          throw new IllegalStateException(name);
        };
    assertThat(named(now(Upgrade.accept().principal(() -> "ada"))).loggedPeer()).isEqualTo("?");
    redaction = name -> null;
    assertThat(named(now(Upgrade.accept().principal(() -> "ada"))).loggedPeer()).isEqualTo("?");
    redaction = UnaryOperator.identity();
    assertThat(named(now(Upgrade.accept().principal(() -> null))).loggedPeer()).isEqualTo("?");
  }
}
