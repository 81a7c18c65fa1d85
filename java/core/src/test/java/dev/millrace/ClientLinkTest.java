// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.CloseReason.Initiator;
import dev.millrace.Link.State;
import dev.millrace.internal.spi.CompressionBudget;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Links and their attempts on a loop without sockets, whose time a test moves. */
class ClientLinkTest {

  private static final URI SERVER = URI.create("ws://10.0.0.1:9/echo?q");
  private static final Duration SHORTEST = Duration.ofMillis(100);
  private static final Duration LONGEST = Duration.ofSeconds(1);
  private static final CloseReason CUT = new CloseReason(1006, "", Initiator.NETWORK, null);
  private static final CloseReason DONE = new CloseReason(1000, "", Initiator.LOCAL, null);

  private final FakeLoop loop = new FakeLoop();
  private final List<Link.Status> told = new ArrayList<>();
  private final List<ClientLink> removed = new ArrayList<>();
  private final Queue<Runnable> blocking = new ArrayDeque<>();
  private final Map<String, InetAddress[]> names = new HashMap<>();
  private double jitter;
  private boolean clientEnds;
  private int redirects;
  private @Nullable HttpProxy proxy;
  private Set<String> kept = Set.of();
  private @Nullable Consumer<HandshakeExchange> exchanges;
  private Compression compression = Compression.disabled();
  private final CompressionBudget budget = new CompressionBudget(1 << 20);
  private ConnectRequest request = ConnectRequest.to(SERVER);
  private Handler handler = (connection, message) -> {};

  private Dialer dialer() {
    ClientOptions options =
        new ClientOptions(
            Reconnect.never(),
            SocketOptions.defaults(),
            HandlerExecutor.loop(),
            Duration.ofSeconds(10),
            redirects,
            proxy,
            kept,
            exchanges);
    NameService.Lookup lookup =
        host -> {
          InetAddress[] found = names.get(host);
          if (found == null) {
            throw new java.net.UnknownHostException(host);
          }
          return found;
        };
    return new Dialer(
        options,
        new NameService(blocking::add, lookup),
        blocking::add,
        compression,
        budget,
        loop::nanoTime,
        () -> jitter);
  }

  private ClientLink start(Reconnect policy) {
    ClientLink link =
        new ClientLink(
            dialer(),
            policy.withListener(told::add),
            loop,
            request,
            handler,
            true,
            () -> clientEnds,
            removed::add);
    link.start();
    loop.run();
    return link;
  }

  private ClientLink start() {
    return start(Reconnect.never());
  }

  private static Reconnect backoff() {
    return Reconnect.backoff(SHORTEST, LONGEST);
  }

  private static IOException refused() {
    return new ConnectException("connection refused");
  }

  private static Throwable failureOf(java.util.concurrent.CompletionStage<?> stage) {
    try {
      stage.toCompletableFuture().getNow(null);
      return null;
    } catch (CompletionException e) {
      return e.getCause();
    }
  }

  private static void assertEnded(ClientLink link) {
    assertThat(link.status().state()).isEqualTo(State.ENDED);
    assertThat(link.ended().toCompletableFuture()).isDone();
    assertThat(link.opened().toCompletableFuture()).isDone();
    assertThat(link.connection()).isEmpty();
  }

  private void assertNothingLeft() {
    assertThat(loop.waiting()).isZero();
    assertThat(removed).hasSize(1);
    assertThat(loop.attempts).allMatch(a -> a.cancelled || a.failed || a.connection != null);
  }

  @Test
  void theRequestIsThatOfRfc6455() {
    request =
        ConnectRequest.to(URI.create("ws://ada:pw@10.0.0.1:9/echo?q"))
            .withHeader("X-A", "b")
            .withSubprotocols("v2", "v1");
    start();
    loop.last().connected();

    String key = loop.last().field("Sec-WebSocket-Key");
    assertThat(java.util.Base64.getDecoder().decode(key)).hasSize(16);
    assertThat(loop.last().request())
        .isEqualTo(
            "GET /echo?q HTTP/1.1\r\nHost: 10.0.0.1:9\r\nUpgrade: websocket\r\n"
                + "Connection: Upgrade\r\nSec-WebSocket-Key: "
                + key
                + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v2, v1\r\n"
                + "Authorization: Basic YWRhOnB3\r\nX-A: b\r\n\r\n");
  }

  @Test
  void aHeaderBeatsTheUserOfTheUri() {
    request =
        ConnectRequest.to(URI.create("ws://ada:pw@10.0.0.1:9/"))
            .withHeader("authorization", "Bearer x");
    start();
    loop.last().connected();

    assertThat(loop.last().request()).contains("authorization: Bearer x\r\n");
    assertThat(loop.last().field("Authorization")).isNull();
  }

  @Test
  void everyKeyIsFresh() {
    start(backoff());
    loop.last().opens();
    final String first = loop.last().field("Sec-WebSocket-Key");
    loop.last().ends(CUT);
    loop.advance(SHORTEST);
    loop.last().opens();

    assertThat(loop.attempts).hasSize(2);
    assertThat(loop.last().field("Sec-WebSocket-Key")).isNotEqualTo(first);
  }

  @Test
  void opensAndEnds() {
    ClientLink link = start();
    assertThat(link.status()).isEqualTo(new Link.Status(State.CONNECTING, 1, null));
    loop.last().opens("Sec-WebSocket-Extensions-Not: x");

    assertThat(link.connection()).contains(loop.last().connection);
    assertThat(link.opened().toCompletableFuture().join()).isSameAs(loop.last().connection);
    assertThat(told).containsExactly(new Link.Status(State.OPEN, 1, null));
    loop.last().ends(DONE);

    assertThat(link.ended().toCompletableFuture().join()).isEqualTo(DONE);
    assertEnded(link);
    assertNothingLeft();
  }

  @Test
  void withoutAPolicyALostConnectionIsTheEndWithItsReason() {
    ClientLink link = start();
    loop.last().opens();
    loop.last().ends(CUT);

    assertThat(link.ended().toCompletableFuture().join()).isEqualTo(CUT);
    assertNothingLeft();
  }

  @Test
  void withoutAPolicyAFailedAttemptIsTheEnd() {
    ClientLink link = start();
    loop.last().fails(refused());

    assertThat(failureOf(link.opened())).isInstanceOf(ConnectException.class);
    assertThat(failureOf(link.ended())).isSameAs(failureOf(link.opened()));
    assertEnded(link);
    assertNothingLeft();
  }

  @Test
  void anOpenConnectionThatNobodyLooksAtKeepsNoLink() {
    ClientLink link =
        new ClientLink(
            dialer(), Reconnect.never(), loop, request, handler, false, () -> false, removed::add);
    link.start();
    loop.run();
    loop.last().opens();

    assertThat(removed).containsExactly(link);
    assertThat(link.opened().toCompletableFuture()).isDone();
  }

  @Test
  void delaysDoubleUpToTheLongest() {
    start(backoff());
    for (int millis : new int[] {50, 100, 200, 400, 500, 500}) {
      int before = loop.attempts.size();
      loop.last().fails(refused());
      loop.advance(Duration.ofMillis(millis).minusNanos(1));
      assertThat(loop.attempts).hasSize(before);
      loop.advance(Duration.ofNanos(1));
      assertThat(loop.attempts).hasSize(before + 1);
    }
    assertThat(told.get(told.size() - 1).attempt()).isEqualTo(7);
  }

  @Test
  void delaysLieBetweenHalfAndTheWhole() {
    Reconnect policy = backoff();
    assertThat(policy.delay(1, 0, Duration.ZERO)).isEqualTo(Duration.ofMillis(50));
    assertThat(policy.delay(1, 0.5, Duration.ZERO)).isEqualTo(Duration.ofMillis(75));
    assertThat(policy.delay(3, 0.999, Duration.ZERO)).isLessThan(Duration.ofMillis(400));
    assertThat(policy.delay(Integer.MAX_VALUE, 0, Duration.ZERO)).isEqualTo(LONGEST.dividedBy(2));
    assertThat(policy.delay(1, 0, Duration.ofMillis(700))).isEqualTo(Duration.ofMillis(700));
    assertThat(policy.delay(1, 0, Duration.ofDays(9999))).isEqualTo(LONGEST);
    Reconnect slow = Reconnect.backoff(Duration.ofDays(1), Duration.ofDays(1));
    assertThat(slow.delay(99, 0, Duration.ZERO)).isEqualTo(Duration.ofHours(12));
  }

  @Test
  void aConnectionThatLastedBeginsTheRowAnew() {
    start(backoff());
    loop.last().fails(refused());
    loop.advance(LONGEST);
    loop.last().fails(refused());
    loop.advance(LONGEST);
    loop.last().opens();
    loop.advance(LONGEST);
    loop.last().ends(CUT);

    assertThat(told.get(told.size() - 1).attempt()).isEqualTo(1);
    loop.advance(Duration.ofMillis(50));
    assertThat(loop.attempts).hasSize(4);
  }

  @Test
  void aConnectionThatEndedSoonGoesOnInTheRow() {
    start(backoff());
    for (int millis : new int[] {50, 100, 200}) {
      int before = loop.attempts.size();
      loop.last().opens();
      loop.advance(LONGEST.minusNanos(1));
      loop.last().ends(CUT);
      loop.advance(Duration.ofMillis(millis).minusNanos(1));
      assertThat(loop.attempts).hasSize(before);
      loop.advance(Duration.ofNanos(1));
      assertThat(loop.attempts).hasSize(before + 1);
    }
  }

  @Test
  void givesUpAfterSoManyAttemptsInARow() {
    ClientLink link = start(backoff().withMaxAttempts(3));
    loop.last().fails(refused());
    loop.advance(LONGEST);
    loop.last().opens();
    loop.last().ends(CUT);
    for (int i = 0; i < 3; i++) {
      assertThat(link.status().state()).isEqualTo(State.WAITING);
      assertThat(link.status().attempt()).isEqualTo(i + 1);
      loop.advance(LONGEST);
      loop.last().fails(refused());
    }

    assertThat(failureOf(link.ended())).isInstanceOf(ConnectException.class);
    assertThat(link.opened().toCompletableFuture()).isCompleted();
    assertEnded(link);
    assertNothingLeft();
  }

  @ParameterizedTest
  @CsvSource({
    "1000, LOCAL, false", "1001, LOCAL, false", "1000, PEER, false", "1001, PEER, true",
    "1005, PEER, true", "1006, NETWORK, true", "1012, PEER, true", "1013, PEER, true",
    "1011, PEER, true", "1002, LOCAL, false", "1009, PEER, false", "4000, PEER, true",
  })
  void lossesByDefault(int code, Initiator initiator, boolean loss) {
    ClientLink link = start(backoff());
    loop.last().opens();
    loop.last().ends(new CloseReason(code, "", initiator, null));

    assertThat(link.status().state()).isEqualTo(loss ? State.WAITING : State.ENDED);
  }

  @ParameterizedTest
  @CsvSource({"400, false", "404, false", "408, true", "429, true", "500, true", "503, true"})
  void answersWorthAnotherAttempt(int status, boolean retried) {
    ClientLink link = start(backoff());
    loop.last().connected();
    loop.last().responds("HTTP/1.1 " + status + " Oh\r\n\r\n");

    assertThat(link.status().state()).isEqualTo(retried ? State.WAITING : State.ENDED);
    assertThat(link.status().failure())
        .isInstanceOf(UpgradeException.class)
        .hasMessage("the server refuses: uri=ws://10.0.0.1:9/echo, status=" + status + " Oh");
    assertThat(loop.last().cancelled).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"0, 50", "1, 1000", "99999999999, 50", "-1, 50", "soon, 50", "9, 1000"})
  void retryAfterLengthensTheDelayUpToTheLongest(String value, int millis) {
    start(backoff());
    loop.last().connected();
    loop.last().responds("HTTP/1.1 503 x\r\nRetry-After: " + value + "\r\n\r\n");

    loop.advance(Duration.ofMillis(millis).minusNanos(1));
    assertThat(loop.attempts).hasSize(1);
    loop.advance(Duration.ofNanos(1));
    assertThat(loop.attempts).hasSize(2);
  }

  @Test
  void theCallbackChangesTheRequestOfEachAttempt() {
    List<Reconnect.Attempt> asked = new ArrayList<>();
    Reconnect policy =
        backoff()
            .withBeforeAttempt(
                attempt -> {
                  asked.add(attempt);
                  return attempt.request().withHeader("Token", "t" + attempt.number());
                });
    start(policy);
    assertThat(loop.attempts).isEmpty();
    blocking.remove().run();
    loop.run();
    loop.last().connected();
    assertThat(loop.last().field("Token")).isEqualTo("t1");
    loop.last().fails(refused());
    loop.advance(LONGEST);
    assertThat(loop.attempts).hasSize(1);
    blocking.remove().run();
    loop.run();
    loop.last().connected();

    assertThat(loop.last().field("Token")).isEqualTo("t2");
    assertThat(asked).extracting(Reconnect.Attempt::request).containsOnly(request);
    assertThat(asked.get(0).lastFailure()).isNull();
    assertThat(asked.get(1).lastFailure()).isInstanceOf(ConnectException.class);
  }

  @Test
  void aCallbackThatThrowsIsAFailedAttempt() {
    Reconnect policy =
        backoff()
            .withMaxAttempts(2)
            .withBeforeAttempt(
                attempt -> {
                  throw new IllegalStateException("no token");
                });
    ClientLink link = start(policy);
    blocking.remove().run();
    loop.run();
    assertThat(link.status().state()).isEqualTo(State.WAITING);
    loop.advance(LONGEST);
    blocking.remove().run();
    loop.run();

    assertThat(failureOf(link.ended())).hasMessage("no token");
    assertNothingLeft();
  }

  @Test
  void aListenerThatThrowsHarmsNothing() {
    java.util.logging.Logger logger = java.util.logging.Logger.getLogger("dev.millrace");
    logger.setUseParentHandlers(false);
    try {
      ClientLink link =
          new ClientLink(
              dialer(),
              backoff()
                  .withListener(
                      status -> {
                        throw new IllegalStateException("listener");
                      }),
              loop,
              request,
              handler,
              true,
              () -> clientEnds,
              removed::add);
      link.start();
      loop.run();
      loop.last().fails(refused());
      loop.advance(LONGEST);
      loop.last().opens();

      assertThat(link.status().state()).isEqualTo(State.OPEN);
    } finally {
      logger.setUseParentHandlers(true);
    }
  }

  // ---- Closed at every stage: nothing is left, and everything that was promised is completed.

  @Test
  void closedBeforeItBegan() {
    ClientLink link =
        new ClientLink(
            dialer(), backoff(), loop, request, handler, true, () -> clientEnds, removed::add);
    link.start();
    link.close();
    loop.run();

    assertEnded(link);
    assertNothingLeft();
  }

  @Test
  void closedDuringTheCallback() {
    ClientLink link = start(backoff().withBeforeAttempt(Reconnect.Attempt::request));
    link.close();
    loop.run();
    assertEnded(link);
    blocking.remove().run();
    loop.run();

    assertThat(loop.attempts).isEmpty();
    assertNothingLeft();
  }

  @Test
  void closedWhileTheNameIsLookedUp() throws Exception {
    names.put("h", new InetAddress[] {InetAddress.getByName("10.0.0.1")});
    request = ConnectRequest.to(URI.create("ws://h:9/"));
    ClientLink link = start(backoff());
    link.close();
    loop.run();
    blocking.remove().run();
    loop.run();

    assertThat(loop.attempts).isEmpty();
    assertEnded(link);
    assertNothingLeft();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void closedDuringAnAttempt(int stage) {
    ClientLink link = start(backoff());
    if (stage >= 1) {
      loop.last().connected();
    }
    link.close();
    if (stage == 2) {
      link.close();
    }
    loop.run();

    assertThat(failureOf(link.opened()))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("closed before it was open");
    assertEnded(link);
    assertNothingLeft();
  }

  @Test
  void closedWhileOpen() {
    ClientLink link = start(backoff());
    loop.last().opens();
    link.close();
    loop.run();
    assertThat(loop.last().connection.closes).containsExactly("1000 ");
    loop.last().ends(CUT); // whatever comes of it: this side wanted it

    assertThat(link.ended().toCompletableFuture().join()).isEqualTo(CUT);
    assertEnded(link);
    assertNothingLeft();
  }

  @Test
  void closedByItsOwnOnOpen() {
    ClientLink[] link = new ClientLink[1];
    handler =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            link[0].close();
          }

          @Override
          public void onMessage(Connection connection, Message message) {}
        };
    link[0] = start(backoff());
    loop.last().opens();

    assertThat(loop.last().connection.closes).containsExactly("1000 ");
    loop.last().ends(DONE);
    assertEnded(link[0]);
    assertNothingLeft();
  }

  @Test
  void closedWhileItWaits() {
    ClientLink link = start(backoff());
    loop.last().opens();
    loop.last().ends(CUT);
    link.close();
    loop.run();

    assertThat(link.ended().toCompletableFuture().join()).isEqualTo(CUT);
    assertEnded(link);
    assertNothingLeft();
  }

  @Test
  void theClientEndsWhileItWaits() {
    ClientLink link = start(backoff());
    loop.last().fails(refused());
    clientEnds = true;
    link.endWithClient();
    loop.run();

    assertEnded(link);
    assertNothingLeft();
  }

  @Test
  void theClientEndsWhileOpen() {
    ClientLink link = start(backoff().withLoss(reason -> true));
    loop.last().opens();
    clientEnds = true;
    link.endWithClient();
    loop.run();
    assertThat(loop.last().connection.closes).isEmpty(); // 1001 is the engine's to send
    CloseReason away = new CloseReason(1001, "", Initiator.LOCAL, null);
    loop.ended = true;
    loop.last().ends(away);

    assertThat(link.ended().toCompletableFuture().join()).isEqualTo(away);
    assertEnded(link);
    assertNothingLeft();
  }

  @Test
  void aLoopThatHasEndedEndsTheLink() {
    loop.ended = true;
    ClientLink link = start(backoff());

    assertThat(failureOf(link.opened()))
        .hasMessage("the client is closed: ConnectRequest[ws://10.0.0.1:9/echo]");
    assertEnded(link);
    link.abandon();
    assertThat(removed).hasSize(1);
  }

  // ---- One attempt: names, time, answers, proxy, redirects.

  @Test
  void namesAreLookedUpElsewhereAndAllAddressesTried() throws Exception {
    names.put(
        "h", new InetAddress[] {InetAddress.getByName("10.0.0.1"), InetAddress.getByName("::1")});
    request = ConnectRequest.to(URI.create("ws://h:9/"));
    start();
    assertThat(loop.attempts).isEmpty();
    blocking.remove().run();
    loop.run();
    loop.attempts.get(0).fails(refused());

    assertThat(loop.dialled()).containsExactly("[0:0:0:0:0:0:0:1]:9", "10.0.0.1:9");
  }

  @Test
  void anUnknownNameIsToldByName() {
    request = ConnectRequest.to(URI.create("ws://nowhere:9/"));
    ClientLink link = start();
    blocking.remove().run();
    loop.run();

    assertThat(failureOf(link.opened()))
        .isInstanceOf(java.net.UnknownHostException.class)
        .hasMessage("unknown host: nowhere");
    assertNothingLeft();
  }

  @Test
  void nameAndSocketsHaveTheConnectTimeoutTogether() throws Exception {
    names.put("h", new InetAddress[] {InetAddress.getByName("10.0.0.1")});
    request = ConnectRequest.to(URI.create("ws://h:9/"));
    ClientLink link = start();
    loop.advance(Duration.ofSeconds(9));
    blocking.remove().run();
    loop.run();
    assertThat(loop.attempts).hasSize(1);
    loop.advance(Duration.ofSeconds(1));

    assertThat(failureOf(link.opened()))
        .isInstanceOf(SocketTimeoutException.class)
        .hasMessage(
            "connecting took too long: to=ws://h:9/, limit=PT10S: 10.0.0.1:9 has not answered");
    assertNothingLeft();
  }

  @Test
  void aNameThatTakesTooLong() {
    request = ConnectRequest.to(URI.create("ws://h:9/"));
    ClientLink link = start();
    loop.advance(Duration.ofSeconds(10));
    assertThat(failureOf(link.opened())).hasMessageEndingWith("its name is not resolved");
    blocking.remove().run();
    loop.run();

    assertThat(loop.attempts).isEmpty();
    assertNothingLeft();
  }

  @Test
  void theConnectTimeoutEndsWithTheConnection() {
    start();
    loop.last().connected();

    assertThat(loop.waiting()).isZero();
  }

  @Test
  void aWrongAnswerIsNotRetried() {
    ClientLink link = start(backoff());
    loop.last().connected();
    loop.last().responds("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");

    assertThat(failureOf(link.opened()))
        .isInstanceOf(UpgradeException.class)
        .hasMessageContaining("Sec-WebSocket-Accept does not answer the key");
    assertNothingLeft();
  }

  @Test
  void anExtensionThatWasNotOfferedIsRefused() {
    ClientLink link = start();
    loop.last().opens("Sec-WebSocket-Extensions: permessage-deflate");

    assertThat(failureOf(link.opened()))
        .isInstanceOf(UpgradeException.class)
        .hasMessageEndingWith("no extension was offered: answered=permessage-deflate");
    assertNothingLeft();
  }

  @Test
  void whatAnOfferTakesOfTheBudgetIsGivenBackHoweverItEnds() {
    compression = Compression.enabled().withContextTakeover(true);
    ClientLink link = start(backoff());
    loop.last().connected();
    assertThat(loop.last().field("Sec-WebSocket-Extensions")).startsWith("permessage-deflate");
    assertThat(budget.takenBytes()).isPositive();
    loop.last().fails(refused());
    assertThat(budget.takenBytes()).isZero();

    loop.advance(LONGEST);
    loop.last().opens();
    assertThat(budget.takenBytes()).isZero();
    loop.last().ends(CUT);

    loop.advance(LONGEST);
    loop.last().opens("Sec-WebSocket-Extensions: permessage-deflate");
    assertThat(budget.takenBytes()).isPositive();
    loop.last().ends(CUT);
    assertThat(budget.takenBytes()).isZero();

    loop.advance(LONGEST);
    loop.last().connected();
    link.close();
    loop.run();
    assertThat(budget.takenBytes()).isZero();
  }

  @Test
  void aWrongAnswerToAnOfferIsRefused() {
    compression = Compression.enabled();
    ClientLink link = start();
    loop.last().opens("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate");

    assertThat(failureOf(link.opened()))
        .isInstanceOf(UpgradeException.class)
        .hasMessageContaining("extensions that were not offered");
    assertThat(budget.takenBytes()).isZero();
    assertNothingLeft();
  }

  @Test
  void theHandshakeShowsWhatIsKept() {
    request = request.withSubprotocols("v1");
    kept = Set.of("server", "x-a");
    start();
    loop.last().opens("Server: s", "X-B: c", "Sec-WebSocket-Protocol: v1", "x-a: 1", "x-a: 2");

    Handshake handshake = loop.last().handshake;
    assertThat(handshake.path()).isEqualTo("/echo");
    assertThat(handshake.query()).contains("q");
    assertThat(handshake.subprotocol()).contains("v1");
    assertThat(handshake.headers()).isEqualTo(Map.of("server", "s", "x-a", "1"));
    assertThat(handshake.header("Server")).contains("s");
    assertThat(handshake.remoteAddress()).hasToString("/10.0.0.1:9");
  }

  @Test
  void allHeadersAreKeptByAStar() {
    kept = Set.of("*");
    start();
    loop.last().opens("Server: s");

    assertThat(loop.last().handshake.headers())
        .containsKeys("upgrade", "connection", "sec-websocket-accept")
        .containsEntry("server", "s");
  }

  @Test
  void everyRequestAndItsAnswerIsToldWhateverTheListenerThrows() {
    List<HandshakeExchange> heard = new ArrayList<>();
    exchanges =
        exchange -> {
          heard.add(exchange);
          throw new IllegalStateException("not the link's");
        };
    redirects = 1;
    ClientLink link = start();
    loop.last().connected();
    loop.last().responds("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n");
    loop.last().connected();
    loop.last().responds("HTTP/1.1 403 Forbidden\r\nServer: a\r\n\r\n");

    assertThat(heard).hasSize(2);
    assertThat(heard.get(0).request()).startsWith("GET /echo?q HTTP/1.1", "Host: 10.0.0.1:9");
    assertThat(heard.get(0).response()).containsExactly("HTTP/1.1 302 Found", "Location: /x");
    assertThat(heard.get(1).request()).startsWith("GET /x HTTP/1.1");
    assertThat(heard.get(1).response()).containsExactly("HTTP/1.1 403 Forbidden", "Server: a");
    assertThat(failureOf(link.opened())).isInstanceOf(UpgradeException.class);
    assertNothingLeft();
  }

  @Test
  void redirectsAreNotFollowedUnlessAsked() {
    ClientLink link = start(backoff());
    loop.last().connected();
    loop.last().responds("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n");

    assertThat(failureOf(link.opened()))
        .isInstanceOfSatisfying(UpgradeException.class, e -> assertThat(e.status()).isEqualTo(302))
        .hasMessage(
            "the server redirects to /x, which is not followed: limit=0:"
                + " uri=ws://10.0.0.1:9/echo, status=302 Found");
    assertNothingLeft();
  }

  @Test
  void aRedirectOfTheSameOriginKeepsCredentials() {
    redirects = 1;
    request = ConnectRequest.to(URI.create("ws://ada:pw@10.0.0.1:9/a")).withHeader("Cookie", "c=d");
    start();
    loop.last().connected();
    loop.last().responds("HTTP/1.1 307 x\r\nLocation: b?c\r\n\r\n");
    assertThat(loop.attempts.get(0).cancelled).isTrue();
    loop.last().connected();

    assertThat(loop.last().request()).startsWith("GET /b?c HTTP/1.1\r\n");
    assertThat(loop.last().field("Cookie")).isEqualTo("c=d");
    assertThat(loop.last().field("Authorization")).isEqualTo("Basic YWRhOnB3");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://10.0.0.1:10/", "ws://10.0.0.2:9/", "//10.0.0.2:9/"})
  void aRedirectToAnotherOriginDropsHeadersForGood(String other) {
    redirects = 2;
    request =
        ConnectRequest.to(URI.create("ws://ada:pw@10.0.0.1:9/a"))
            .withHeader("cookie", "c=d")
            .withHeader("X-Api-Key", "y");
    start();
    loop.last().connected();
    loop.last().responds("HTTP/1.1 301 x\r\nLocation: " + other + "\r\n\r\n");
    loop.last().connected();
    assertThat(loop.last().request())
        .doesNotContainIgnoringCase("cookie", "authorization", "x-api-key");
    loop.last().responds("HTTP/1.1 301 x\r\nLocation: ws://10.0.0.1:9/\r\n\r\n");
    loop.last().connected();

    assertThat(loop.attempts).hasSize(3);
    assertThat(loop.last().request()).doesNotContainIgnoringCase("cookie", "authorization");
  }

  @Test
  void redirectsHaveALimit() {
    redirects = 2;
    ClientLink link = start();
    for (int i = 0; i < 3; i++) {
      loop.last().connected();
      loop.last().responds("HTTP/1.1 308 x\r\nLocation: /echo\r\n\r\n");
    }

    assertThat(loop.attempts).hasSize(3);
    assertThat(failureOf(link.opened()))
        .hasMessageContaining("one more than are followed: limit=2");
    assertNothingLeft();
  }

  @Test
  void aRedirectToWhatIsNotTaken() {
    redirects = 2;
    ClientLink link = start();
    loop.last().connected();
    loop.last().responds("HTTP/1.1 308 x\r\nLocation: wss://h/\r\n\r\n");

    assertThat(failureOf(link.opened()))
        .isInstanceOf(UpgradeException.class)
        .hasMessageContaining("wss is not in 0.1.0");
  }

  @Test
  void aProxyIsToldTheNameAndThenTheRequestGoesThroughIt() {
    proxy = HttpProxy.of(URI.create("http://u:p@10.9.9.9:3128"));
    request = ConnectRequest.to(URI.create("ws://name.example:9/echo"));
    ClientLink link = start();
    assertThat(blocking).isEmpty();
    assertThat(loop.dialled()).containsExactly("10.9.9.9:3128");
    loop.last().connected();

    assertThat(loop.last().request())
        .isEqualTo(
            "CONNECT name.example:9 HTTP/1.1\r\nHost: name.example:9\r\n"
                + "Proxy-Authorization: Basic dTpw\r\n\r\n");
    loop.last().responds("HTTP/1.1 200 OK\r\n\r\n");
    assertThat(loop.last().request()).startsWith("GET /echo HTTP/1.1\r\nHost: name.example:9\r\n");
    assertThat(loop.last().field("Proxy-Authorization")).isNull();
    loop.last().responds(loop.last().accepting());

    assertThat(link.connection()).isPresent();
  }

  @Test
  void aProxyThatRefusesIsNamed() {
    proxy = HttpProxy.of(URI.create("http://u:p@10.9.9.9:3128"));
    ClientLink link = start();
    loop.last().connected();
    loop.last().responds("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");

    assertThat(failureOf(link.opened()))
        .isInstanceOfSatisfying(UpgradeException.class, e -> assertThat(e.status()).isEqualTo(407))
        .hasMessage(
            "the proxy 10.9.9.9:3128 refuses: uri=ws://10.0.0.1:9/echo,"
                + " status=407 Proxy Authentication Required");
    assertNothingLeft();
  }

  @Test
  void unixSocketsNeedNoProxy() {
    proxy = HttpProxy.of(URI.create("http://10.9.9.9:3128"));
    request = ConnectRequest.to(URI.create("ws+unix:///run/x:/echo"));
    start();
    assertThat(loop.dialled()).containsExactly("/run/x");
    loop.last().connected();

    assertThat(loop.last().request()).startsWith("GET /echo HTTP/1.1\r\nHost: localhost\r\n");
  }

  @Test
  void aRequestThatIsTooLongIsNotSent() {
    for (int i = 0; i < 9; i++) {
      request = request.withHeader("X" + i, "x".repeat(8000));
    }
    ClientLink link = start(backoff());
    loop.last().connected();

    assertThat(loop.last().asked).isEmpty();
    assertThat(failureOf(link.opened())).hasMessageStartingWith("request too long: length=7");
    assertNothingLeft();
  }

  @Test
  void anOnOpenThatThrowsDoesNotKeepTheLinkFromItsConnection() {
    java.util.logging.Logger logger = java.util.logging.Logger.getLogger("dev.millrace");
    logger.setUseParentHandlers(false);
    try {
      handler =
          new Handler() {
            @Override
            public void onOpen(Connection connection) {
              throw new IllegalStateException("planted");
            }

            @Override
            public void onMessage(Connection connection, Message message) {}
          };
      ClientLink link = start(backoff());
      loop.last().opens();
      assertThat(loop.last().connection.closes).containsExactly("1011 ");
      loop.last().ends(new CloseReason(1011, "", Initiator.LOCAL, null));

      assertThat(link.status().state()).isEqualTo(State.WAITING);
      assertThat(link.status().failure()).hasMessageStartingWith("the connection ended: code=1011");
    } finally {
      logger.setUseParentHandlers(true);
    }
  }

  @Test
  void aClosedLinkSaysSo() {
    ClientLink link = start();
    link.close();
    loop.run();

    assertThatThrownBy(() -> link.opened().toCompletableFuture().join())
        .hasCauseInstanceOf(IOException.class);
    assertThat(link.toString()).contains("ENDED");
  }
}
