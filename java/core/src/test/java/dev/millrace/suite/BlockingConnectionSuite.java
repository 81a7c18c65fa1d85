// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.Connection;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.MillraceException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.UpgradeException;
import java.net.ConnectException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/** A connection whose user waits. */
public abstract class BlockingConnectionSuite extends ClientEngineSuite {

  private Client client;

  private BlockingConnection blocking(Server server) throws Exception {
    client = start(client());
    return closeLater(client.open(address(server)));
  }

  /** On a thread of its own, whose interruption is in the hands of the test. */
  private static <T> CompletableFuture<T> meanwhile(Callable<T> task, Thread[] thread) {
    CompletableFuture<T> result = new CompletableFuture<>();
    thread[0] =
        new Thread(
            () -> {
              try {
                result.complete(task.call());
              } catch (Throwable t) {
                result.completeExceptionally(t);
              }
            },
            "blocking");
    thread[0].start();
    return result;
  }

  private static <T> CompletableFuture<T> meanwhile(Callable<T> task) {
    return meanwhile(task, new Thread[1]);
  }

  private static void awaitWaiting(Thread thread) {
    Deadline.until(
        () ->
            thread.getState() == Thread.State.WAITING
                || thread.getState() == Thread.State.TIMED_WAITING,
        "a thread that waits");
  }

  @Test
  void theExampleOfTheReadme() throws Exception {
    Server server = startEcho();
    try (Client own = client().build();
        BlockingConnection chat = own.open(address(server))) {
      chat.send("hello");
      assertEquals("hello", chat.receive().text());
    }
    awaitNoConnections(server);
  }

  @Test
  void everyLengthAndKind() throws Exception {
    BlockingConnection connection = blocking(startEcho());
    Random random = Seed.random("blocking lengths");
    for (int length : new int[] {0, 1, 125, 126, 65_535, 65_536, 1 << 20}) {
      byte[] payload = Seed.bytes(random, length);
      assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(payload)));
      Message message = connection.receive();
      assertEquals(Message.Kind.BINARY, message.kind());
      assertEquals(length, message.length());
      assertArrayEquals(payload, message.toByteArray());
      ByteBuffer view = message.payload();
      assertEquals(ByteBuffer.wrap(payload), view);
      assertTrue(view.isReadOnly());
      assertEquals(length, view.capacity());
    }
    connection.send("héllo");
    Message text = connection.receive();
    assertEquals(Message.Kind.TEXT, text.kind());
    assertEquals("héllo", text.text());
  }

  @Test
  void messagesKeepTheirOrderWhoeverIsFaster() throws Exception {
    BlockingConnection connection = blocking(startEcho());
    CompletableFuture<Void> sending =
        meanwhile(
            () -> {
              for (int i = 0; i < 2000; i++) {
                connection.send(ByteBuffer.wrap(Stamp.of(1, 1, i, i)));
              }
              return null;
            });
    for (int i = 0; i < 2000; i++) {
      assertArrayEquals(Stamp.of(1, 1, i, i), connection.receive().toByteArray());
    }
    Deadline.await(sending, "the sends");
  }

  @Test
  void aMessageIsValidUntilTheNextAndOnItsThread() throws Exception {
    BlockingConnection connection = blocking(startEcho());
    connection.send("one");
    connection.send("two");
    Message one = connection.receive();
    Throwable elsewhere =
        failureOf(
            meanwhile(
                () -> {
                  return one.text();
                }));
    assertInstanceOf(IllegalStateException.class, elsewhere);
    assertEquals("one", one.text());
    Lease kept = one.retain();
    assertThrows(IllegalStateException.class, one::retain);
    Message two = connection.receive();
    assertThrows(IllegalStateException.class, one::text);
    assertEquals("two", two.text());
    byte[] bytes = new byte[kept.length()];
    kept.buffer().get(kept.offset(), bytes);
    assertEquals("one", new String(bytes, "UTF-8"));
    assertEquals(SendResult.ACCEPTED, connection.connection().send(kept));
    assertEquals("one", connection.receive().text());
  }

  @Test
  void receiveWithATime() throws Exception {
    Recorder served = new Recorder();
    BlockingConnection connection = blocking(start(server().route("/", served)));
    Elapsed elapsed = Elapsed.begin();
    assertEquals(Optional.empty(), connection.receive(Duration.ofMillis(50)));
    elapsed.assertNotBefore(Duration.ofMillis(50), "empty");
    assertEquals(Optional.empty(), connection.receive(Duration.ZERO));
    served.awaitOpen().send("x");
    assertEquals("x", connection.receive(Duration.ofDays(999_999)).orElseThrow().text());
  }

  /** What nobody receives stays with the peer, but for a few. */
  @Test
  void readingPausesWhileNobodyReceives() throws Exception {
    Recorder served = new Recorder();
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 10);
    Server server = start(server().limits(limits).route("/", served));
    BlockingConnection connection = blocking(server);
    Connection peer = served.awaitOpen();
    byte[] message = new byte[50_000];
    int sent = 0;
    while (sent < 10_000 && peer.send(ByteBuffer.wrap(message)) == SendResult.ACCEPTED) {
      sent++;
      awaitTurn(peer);
    }
    assertTrue(sent < 10_000, "500 MB went to a client that receives nothing");
    for (int i = 0; i < sent; i++) {
      assertEquals(50_000, connection.receive().length());
    }
    assertEquals(Optional.empty(), connection.receive(Duration.ZERO));
  }

  @Test
  void sendWaitsWhileTooMuchIsBuffered() throws Exception {
    ScriptedServer server = scripted();
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 10);
    client = start(client().limits(limits));
    CompletableFuture<BlockingConnection> opening = meanwhile(() -> client.open(server.uri()));
    ScriptedServer.Accepted accepted = server.upgrade();
    BlockingConnection connection = Deadline.await(opening, "the connection");
    Thread[] thread = new Thread[1];
    byte[] message = new byte[50_000];
    int count = 400;
    CompletableFuture<Void> sending =
        meanwhile(
            () -> {
              for (int i = 0; i < count; i++) {
                assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(message)));
              }
              return null;
            },
            thread);
    awaitWaiting(thread[0]);
    assertFalse(sending.isDone());
    for (int i = 0; i < count; i++) {
      accepted.expect(Frame.BINARY, message);
    }
    Deadline.await(sending, "the sends");
    accepted.close();
  }

  @Test
  void interruptsAndClosesWakeWhoWaits() throws Exception {
    BlockingConnection connection = blocking(startEcho());
    Thread[] thread = new Thread[1];
    CompletableFuture<Message> receiving = meanwhile(connection::receive, thread);
    awaitWaiting(thread[0]);
    thread[0].interrupt();
    assertInstanceOf(InterruptedException.class, failureOf(receiving));
    connection.send("still there");
    assertEquals("still there", connection.receive().text());

    receiving = meanwhile(connection::receive, thread);
    awaitWaiting(thread[0]);
    connection.close();
    assertInstanceOf(IllegalStateException.class, failureOf(receiving));
    assertEquals(SendResult.CLOSED, connection.send("x"));
    assertThrows(IllegalStateException.class, connection::receive);
    connection.close();
  }

  @Test
  void anInterruptedSendSentNothing() throws Exception {
    ScriptedServer server = scripted();
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 10);
    client = start(client().limits(limits));
    CompletableFuture<BlockingConnection> opening = meanwhile(() -> client.open(server.uri()));
    ScriptedServer.Accepted accepted = server.upgrade();
    BlockingConnection connection = Deadline.await(opening, "the connection");
    Thread[] thread = new Thread[1];
    int[] sent = new int[1];
    CompletableFuture<Void> sending =
        meanwhile(
            () -> {
              while (true) {
                connection.send(ByteBuffer.wrap(new byte[50_000]));
                sent[0]++;
              }
            },
            thread);
    awaitWaiting(thread[0]);
    thread[0].interrupt();
    assertInstanceOf(InterruptedException.class, failureOf(sending));
    for (int i = 0; i < sent[0]; i++) {
      accepted.expect(Frame.BINARY, new byte[50_000]);
    }
    connection.send("next");
    accepted.expectText("next");
    accepted.close();
  }

  @Test
  void whatCameBeforeTheEndIsReceived() throws Exception {
    Recorder served = new Recorder();
    BlockingConnection connection = blocking(start(server().route("/", served)));
    Connection peer = served.awaitOpen();
    for (int i = 0; i < 5; i++) {
      peer.send("message " + i);
    }
    peer.close(4000, "enough");
    for (int i = 0; i < 5; i++) {
      assertEquals("message " + i, connection.receive().text());
    }
    IllegalStateException ended = assertThrows(IllegalStateException.class, connection::receive);
    assertEquals("the connection has ended: code=4000, reason=enough", ended.getMessage());
    assertEquals(SendResult.CLOSED, connection.send("x"));
  }

  @Test
  void closingWithMessagesThatNobodyReceivedEndsInOrder() throws Exception {
    Recorder served = new Recorder();
    Server server = start(server().route("/", served));
    BlockingConnection connection = blocking(server);
    Connection peer = served.awaitOpen();
    for (int i = 0; i < 200; i++) {
      peer.send("message " + i);
    }
    connection.close();
    assertEquals(1000, served.awaitClose().code());
    awaitNoConnections(server);
  }

  @Test
  void failuresToOpen() throws Exception {
    client = start(client());
    ScriptedServer nobody = scripted();
    nobody.close();
    MillraceException unreachable =
        assertThrows(MillraceException.class, () -> client.open(nobody.uri()));
    assertInstanceOf(ConnectException.class, unreachable.getCause());
    Server server = startEcho();
    UpgradeException refused =
        assertThrows(
            UpgradeException.class, () -> client.open(address(server).resolve("/nothing")));
    assertEquals(404, refused.status());
  }

  @Test
  void anInterruptedOpenLeavesNoConnection() throws Exception {
    ScriptedServer server = scripted();
    client = start(client());
    Thread[] thread = new Thread[1];
    CompletableFuture<BlockingConnection> opening =
        meanwhile(() -> client.open(server.uri()), thread);
    ScriptedServer.Accepted accepted = server.accept();
    accepted.readRequest();
    thread[0].interrupt();
    assertInstanceOf(InterruptedException.class, failureOf(opening));
    accepted.expectGone();
    awaitNoConnections(client);
  }

  @Test
  void theLoopMustNotWaitForItself() throws Exception {
    Server server = startEcho();
    BlockingConnection connection = blocking(server);
    CompletableFuture<Throwable> thrown = new CompletableFuture<>();
    connection
        .connection()
        .execute(
            () -> {
              try {
                connection.receive();
              } catch (Throwable t) {
                thrown.complete(t);
              }
            });
    assertInstanceOf(IllegalStateException.class, Deadline.await(thrown, "receive on the loop"));
    CompletableFuture<Throwable> opening = new CompletableFuture<>();
    connection
        .connection()
        .execute(
            () -> {
              try {
                client.open(address(server));
              } catch (Throwable t) {
                opening.complete(t);
              }
            });
    assertInstanceOf(IllegalStateException.class, Deadline.await(opening, "open on the loop"));
  }

  /** More than there are carriers: a virtual thread that waits must not hold one. */
  @Test
  void virtualThreadsWait() throws Exception {
    assumeTrue(Runtime.version().feature() >= 21, "virtual threads need JDK 21");
    Executor executor = virtualThreads();
    Server server = startEcho();
    client = start(client());
    int threads = 4 * Runtime.getRuntime().availableProcessors() + 8;
    CountDownLatch waiting = new CountDownLatch(threads);
    CountDownLatch done = new CountDownLatch(threads);
    for (int i = 0; i < threads; i++) {
      executor.execute(
          () -> {
            try (BlockingConnection connection = client.open(address(server))) {
              waiting.countDown();
              waiting.await();
              connection.send("x");
              assertEquals("x", connection.receive().text());
              done.countDown();
            } catch (Exception e) {
              e.printStackTrace();
            }
          });
    }
    Deadline.await(done, "all virtual threads");
  }

  private Executor virtualThreads() throws Exception {
    assertFalse(HandlerExecutor.virtualThreads().toString().isEmpty());
    ExecutorService threads =
        (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    closeLater(threads::shutdownNow);
    return threads;
  }

  @Test
  void theConnectionUnderneath() throws Exception {
    BlockingConnection connection = blocking(startEcho());
    assertEquals("/", connection.connection().handshake().path());
    CompletionStage<?> closed = connection.connection().closed();
    connection.connection().close(4000, "by hand");
    Deadline.await(closed, "the end");
    assertThrows(IllegalStateException.class, connection::receive);
  }
}
