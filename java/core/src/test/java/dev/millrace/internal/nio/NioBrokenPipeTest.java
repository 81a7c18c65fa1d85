// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.HandlerExecutor;
import dev.millrace.Limits;
import dev.millrace.SendException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.suite.ClientEngineSuite;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import dev.millrace.suite.ScriptedServer;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/** A write that fails while what the peer has said before lies unread in the socket. */
final class NioBrokenPipeTest extends ClientEngineSuite {
  private static final Duration QUIET = Duration.ofMillis(300);
  private static final Limits PATIENT =
      Limits.defaults()
          .withCloseTimeout(Duration.ofMinutes(10))
          .withWriteTimeout(Duration.ofMinutes(10))
          .withPingInterval(Duration.ZERO);
  private static final byte[] LAST_WORDS =
      RawClient.bytesOf(
          Frame.text("one"),
          Frame.ping("is not answered"),
          Frame.text("tw").unfinished(),
          Frame.continuation(new byte[] {'o'}),
          Frame.close(1009, "too long"));
  private static final CloseReason PEERS = new CloseReason(1009, "too long", Initiator.PEER, null);

  private final Recorder recorder = new Recorder();

  private ScriptedServer.Accepted server;

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  /** What a peer does before it is gone. */
  private interface Leaving {
    void leave() throws Exception;
  }

  /** While the peer leaves the loop reads nothing; then its next write fails. */
  private static void breakPipe(Connection connection, Leaving peer, Runnable after)
      throws Exception {
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch gone = new CountDownLatch(1);
    CompletableFuture<CompletionStage<Void>> sent = new CompletableFuture<>();
    connection.execute(
        () -> {
          held.countDown();
          try {
            Deadline.await(gone, "the peer's end");
            sent.complete(connection.sendAsync(ByteBuffer.allocate(1 << 20)));
          } catch (Throwable t) {
            sent.completeExceptionally(t);
          }
          connection.flush();
          after.run();
        });
    Deadline.await(held, "the loop");
    peer.leave();
    gone.countDown();
    CompletionStage<Void> stage = Deadline.await(sent, "the send");
    assertThat(failureOf(stage)).isInstanceOf(SendException.class);
  }

  private static void breakPipe(Connection connection, Leaving peer) throws Exception {
    breakPipe(connection, peer, () -> {});
  }

  private static Leaving leaving(ScriptedServer.Accepted server, byte[] words) {
    return () -> {
      server.write(Frame.turned(words));
      server.reset();
    };
  }

  private Connection client(Limits limits) throws Exception {
    ScriptedServer listening = scripted();
    CompletionStage<Connection> opening =
        start(client().limits(limits)).connect(listening.uri(), recorder);
    server = listening.upgrade();
    return Deadline.await(opening, "the connection");
  }

  private Leaving withLastWords() {
    return leaving(server, LAST_WORDS);
  }

  private void awaitPeersClose() throws Exception {
    assertThat(recorder.awaitClose()).isEqualTo(PEERS);
    assertThat(recorder.order()).containsExactly("open", "message", "message", "close");
  }

  @Test
  void theServersCloseIsTold() throws Exception {
    Connection connection = client(PATIENT);
    CompletableFuture<SendResult> next = new CompletableFuture<>();
    breakPipe(
        connection, withLastWords(), () -> next.complete(connection.send("nobody hears this")));
    assertThat(Deadline.await(next, "a send")).isEqualTo(SendResult.CLOSED);
    awaitPeersClose();
  }

  @Test
  void theClientsCloseIsTold() throws Exception {
    Server listening = start(server().limits(PATIENT).route("/", recorder));
    RawClient client = connect(listening);
    breakPipe(
        recorder.awaitOpen(),
        () -> {
          client.write(LAST_WORDS);
          client.reset();
        });
    awaitPeersClose();
    awaitNoConnections(listening);
  }

  @Test
  void aHandlerOnAnExecutorHearsAll() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    closeLater(executor::shutdown);
    Server listening =
        start(server().limits(PATIENT).route("/", recorder, HandlerExecutor.of(executor)));
    RawClient client = connect(listening);
    breakPipe(
        recorder.awaitOpen(),
        () -> {
          client.write(LAST_WORDS);
          client.reset();
        });
    awaitPeersClose();
  }

  @Test
  void withoutACloseItIsTheWriteThatFailed() throws Exception {
    Connection connection = client(PATIENT);
    breakPipe(connection, leaving(server, RawClient.bytesOf(Frame.text("one"))));
    CloseReason reason = recorder.awaitClose();
    assertThat(reason.code()).isEqualTo(CloseCode.ABNORMAL_CLOSURE);
    assertThat(reason.initiator()).isEqualTo(Initiator.NETWORK);
    assertThat(reason.text()).isIn("broken pipe", "connection reset by peer");
    assertThat(reason.cause()).isNotNull();
    assertThat(recorder.order()).containsExactly("open", "message", "close");
  }

  /** A Close of ours that could not leave is none. */
  @Test
  void theServersCloseIsToldOnceThisSideHasClosed() throws Exception {
    Connection connection = client(PATIENT);
    fillSocket(connection);
    connection.close(1000, "enough");
    awaitTurn(connection);
    breakPipe(connection, withLastWords());
    assertThat(recorder.awaitClose()).isEqualTo(PEERS);
    assertThat(recorder.order()).containsExactly("open", "close");
  }

  /** The loop has asked the socket to take these bytes, and it has not. */
  private static void fillSocket(Connection connection) throws Exception {
    while (connection.bufferedBytes() < 100_000) {
      connection.send(ByteBuffer.allocate(100_000));
      awaitTurn(connection);
    }
  }

  // ---- While the application has paused reading.

  @Test
  void whoPausedHearsItOnResume() throws Exception {
    Connection connection = client(PATIENT);
    connection.pause();
    breakPipe(connection, withLastWords());
    assertThat(connection.isOpen()).isFalse();
    assertThat(connection.bufferedBytes()).isZero();
    assertThat(connection.send("from another thread")).isEqualTo(SendResult.CLOSED);
    assertIdleFor(QUIET, connection);
    assertThat(recorder.order()).containsExactly("open");
    connection.resume();
    awaitPeersClose();
  }

  @Test
  void whoPausedForTooLongHearsOfTheWrite() throws Exception {
    Connection connection = client(PATIENT.withCloseTimeout(QUIET));
    connection.pause();
    breakPipe(connection, withLastWords());
    assertThat(recorder.awaitClose().code()).isEqualTo(CloseCode.ABNORMAL_CLOSURE);
    assertThat(recorder.order()).containsExactly("open", "close");
  }

  /** Who closes wants no message any more, paused or not. */
  @Test
  void whoPausedAndClosesHearsTheServersClose() throws Exception {
    Connection connection = client(PATIENT);
    connection.pause();
    breakPipe(connection, withLastWords());
    connection.close();
    assertThat(recorder.awaitClose()).isEqualTo(PEERS);
    assertThat(recorder.order()).containsExactly("open", "close");
  }
}
