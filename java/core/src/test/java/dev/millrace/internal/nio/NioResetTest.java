// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.CloseCode;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.LoopProbe;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import dev.millrace.suite.UpgradeRequestText;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.channels.Selector;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/**
 * A peer that resets its connection, in every state of it: the key and the channel go at once, and
 * not when some deadline passes. All deadlines here are longer than the test may take.
 */
final class NioResetTest extends EngineSuite {
  private static final Duration QUIET = Duration.ofMillis(300);
  private static final Duration LONG = Duration.ofMinutes(10);
  private static final Limits PATIENT =
      Limits.defaults()
          .withHandshakeTimeout(LONG)
          .withCloseTimeout(LONG)
          .withWriteTimeout(LONG)
          .withPingInterval(Duration.ZERO);

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  private static Object field(Object owner, String name) throws Exception {
    Field field = owner.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(owner);
  }

  /** Only the listener's key is left; with its key a closed channel gives its descriptor back. */
  private static void awaitNoKey(Server server) throws Exception {
    NioLoop loop = ((LoopGroup) field(field(server, "running"), "loops")).loop(0);
    Selector selector = (Selector) field(loop, "selector");
    Deadline.until(() -> selector.keys().size() == 1, "the keys to go");
    assertThat(server.statistics().get(0).connections()).isZero();
    assertThat(server.connectionCount()).isZero();
  }

  /** By the next turn of the loop the peer's bytes have been read. */
  private void awaitTurn(Server server) throws Exception {
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      probe.awaitTurn();
    }
  }

  private Server.Builder patient(Recorder recorder) {
    return server().limits(PATIENT).route("/", recorder).route("/probe", ECHO);
  }

  @Test
  void whileTheRequestIsIncomplete() throws Exception {
    Server server = start(patient(new Recorder()));
    RawClient client = open(server);
    client.write("GET / HTTP/1.1\r\nHost".getBytes(StandardCharsets.US_ASCII));
    awaitTurn(server);
    client.reset();
    awaitNoKey(server);
  }

  /** Decides on nothing but the probe's requests. */
  private Server startUndecided(CountDownLatch asked, CompletableFuture<Upgrade> answer)
      throws Exception {
    return start(
        patient(new Recorder())
            .onUpgradeAsync(
                request -> {
                  if (request.path().equals("/probe")) {
                    return CompletableFuture.completedFuture(Upgrade.accept());
                  }
                  asked.countDown();
                  return (CompletionStage<Upgrade>) answer;
                },
                LONG.multipliedBy(6)));
  }

  @Test
  void whileTheApplicationDecides() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CompletableFuture<Upgrade> answer = new CompletableFuture<>();
    Server server = startUndecided(asked, answer);
    RawClient client = open(server);
    client.write(UpgradeRequestText.to("/").bytes());
    Deadline.await(asked, "the question");
    client.reset();
    awaitNoKey(server);
    answer.complete(Upgrade.accept());
    awaitTurn(server);
    awaitNoKey(server);
  }

  @Test
  void whileTheApplicationDecidesBehindFramesThatCameEarly() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    Server server = startUndecided(asked, new CompletableFuture<>());
    RawClient client = open(server);
    client.write(UpgradeRequestText.to("/").bytes());
    Deadline.await(asked, "the question");
    for (int i = 0; i < 3; i++) {
      client.write(Frame.text("early " + i));
      awaitTurn(server);
    }
    client.reset();
    awaitNoKey(server);
  }

  /** Data that nobody reads, and a FIN: neither may keep the selector awake. */
  @Test
  void aLoopSleepsWhileTheApplicationDecides() throws Exception {
    CountDownLatch asked = new CountDownLatch(2);
    CompletableFuture<Upgrade> answer = new CompletableFuture<>();
    Server server = startUndecided(asked, answer);
    RawClient eager = open(server);
    RawClient halfClosed = open(server);
    byte[] message = new byte[200_000];
    eager.write(UpgradeRequestText.to("/").bytes());
    eager.writeMeanwhile(RawClient.bytesOf(Frame.binary(message)));
    halfClosed.write(UpgradeRequestText.to("/").bytes());
    halfClosed.shutdownOutput();
    Deadline.await(asked, "the questions");
    Recorder probe = new Recorder();
    Server other = start(server().route("/", probe));
    connect(other);
    assertIdleFor(QUIET, probe.awaitOpen());
    answer.complete(Upgrade.accept());
    halfClosed.expectAccepted();
    eager.expectAccepted();
  }

  @Test
  void whileItIsOpen() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(patient(recorder));
    RawClient client = connect(server);
    recorder.awaitOpen();
    client.reset();
    assertThat(recorder.awaitClose().code()).isEqualTo(CloseCode.ABNORMAL_CLOSURE);
    awaitNoKey(server);
  }

  /** In the middle of a message, which has a block. */
  @Test
  void whileAMessageIsIncomplete() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(patient(recorder));
    RawClient client = connect(server);
    byte[] frame = RawClient.bytesOf(Frame.binary(new byte[100_000]));
    client.write(Arrays.copyOf(frame, 50_000));
    awaitTurn(server);
    client.reset();
    recorder.awaitClose();
    awaitNoKey(server);
    assertThat(server.statistics().get(0).blocksInUse()).isZero();
  }

  /** The hang-up of a socket that nobody reads is not to be masked: it must leave the selector. */
  @Test
  void whileReadingIsPaused() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(patient(recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.pause();
    awaitTurn(server);
    client.write(Frame.text("unread"));
    awaitTurn(server);
    client.reset();
    assertIdleFor(QUIET, connection);
    assertThat(recorder.deliveries()).isZero();
    connection.resume();
    recorder.awaitClose();
    awaitNoKey(server);
  }

  /** Paused, and with bytes that the socket does not take: it is watched for room alone. */
  @Test
  void whileReadingIsPausedAndTheSocketIsFull() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(patient(recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    connection.pause();
    fill(server, connection);
    assertIdleFor(QUIET, connection);
    client.reset();
    // What is queued goes at once; what lies in the socket is the application's to take.
    Deadline.until(() -> server.statistics().get(0).blocksInUse() == 0, "the blocks to come back");
    assertIdleFor(QUIET, connection);
    connection.resume();
    recorder.awaitClose();
    awaitNoKey(server);
  }

  /** The loop has asked the socket to take these bytes, and it has not. */
  private void fill(Server server, Connection connection) throws Exception {
    while (connection.bufferedBytes() < 500_000) {
      connection.send(ByteBuffer.allocate(100_000));
      awaitTurn(server);
    }
  }

  @Test
  void whileTheLastBytesLeave() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(patient(recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    fill(server, connection);
    connection.close();
    awaitTurn(server);
    client.reset();
    recorder.awaitClose();
    awaitNoKey(server);
    assertThat(server.statistics().get(0).blocksInUse()).isZero();
  }

  @Test
  void whileThePeersEndIsAwaited() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(patient(recorder));
    RawClient client = connect(server);
    recorder.awaitOpen().close();
    client.expectCloseAndEnd(CloseCode.NORMAL_CLOSURE);
    client.reset();
    recorder.awaitClose();
    awaitNoKey(server);
  }

  /** A handler that has interrupted nobody but itself, on a thread that is no loop's. */
  @Test
  void anInterruptedSenderHarmsNobody() throws Exception {
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) {
            connection.send(message);
          }
        };
    Server server = start(patient(recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    Thread sender =
        new Thread(
            () -> {
              for (int i = 0; i < 100; i++) {
                Thread.currentThread().interrupt();
                connection.send("interrupted " + i);
                connection.flush();
              }
              if (Thread.currentThread().isInterrupted()) {
                connection.send("and still is");
              }
            });
    sender.start();
    for (int i = 0; i < 100; i++) {
      client.expectText("interrupted " + i);
    }
    client.expectText("and still is");
    client.write(Frame.text("alive")).expectText("alive");
    Deadline.join(sender);
  }
}
