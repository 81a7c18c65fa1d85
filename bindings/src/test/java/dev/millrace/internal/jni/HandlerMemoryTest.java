// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.internal.ring.Records;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What messages cost that wait for a handler on an executor: a bounded number of blocks. */
@Timeout(60)
final class HandlerMemoryTest {

  private final ExecutorService pool = Executors.newFixedThreadPool(2);

  @AfterEach
  void endPool() {
    pool.shutdownNow();
  }

  private Server start(Limits limits, Handler handler) throws Exception {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(1)
        .limits(limits)
        .listen("ws://127.0.0.1:0")
        .route("/", handler, HandlerExecutor.of(pool))
        .start();
  }

  /** The mark, and what one receive brings when it is nearly reached: half of it, in blocks. */
  @ParameterizedTest
  @ValueSource(ints = {0, 100, 10_000})
  void whatWaitsIsBoundedByTheMark(int length) throws Exception {
    int mark = 256 << 10;
    int count = (4 << 20) / (length + 8);
    CountDownLatch gate = new CountDownLatch(1);
    AtomicInteger handled = new AtomicInteger();
    CompletableFuture<NativeConnection> opened = new CompletableFuture<>();
    Handler handler =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            opened.complete((NativeConnection) connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            gate.await();
            handled.incrementAndGet();
          }
        };
    int perMessage = Math.max(256, Integer.highestOneBit(2 * Math.max(length, 1) - 1));
    int perTurn = Math.min(Records.RECORD_COUNT, mark / 2 / (length + 6) + 1);
    long bound = mark + (long) perMessage * (perTurn + 1);
    assertTrue(bound < (long) count * perMessage / 2, "far less than what is sent");
    Frame[] frames = new Frame[count];
    Arrays.setAll(frames, i -> Frame.binary(new byte[length]));
    Limits limits = Limits.defaults().withHighWaterMarkBytes(mark);
    try (Server server = start(limits, handler);
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      NativeConnection connection = Deadline.await(opened, "onOpen");
      CompletableFuture<Void> written = client.writeMeanwhile(RawClient.bytesOf(frames));
      Deadline.until(() -> connection.queuedBytes() >= mark, "the mark");
      long most = 0;
      // In every turn of the loop the socket has more to read.
      for (int turn = 0; turn < 500; turn++) {
        CountDownLatch turned = new CountDownLatch(1);
        connection.execute(turned::countDown);
        Deadline.await(turned, "a turn");
        most = Math.max(most, connection.queuedBytes());
      }
      assertTrue(most <= bound, "most bytes that waited: " + most + ", bound " + bound);
      gate.countDown();
      Deadline.await(written, "the writer");
      Deadline.until(() -> handled.get() == count, "all messages");
      Deadline.until(() -> connection.queuedBytes() == 0, "an empty queue");
    }
  }

  /** Twice the region's size passes through it; a block that was lost would show as one missing. */
  @Test
  void blocksOfHandledMessagesAreUsedAgain() throws Exception {
    int length = 100_000; // arrives in pieces and whole, so that both are retained and copied
    int small = 1000;
    int rounds = 1500;
    AtomicInteger elsewhere = new AtomicInteger();
    Handler handler =
        (connection, message) -> {
          long block = ((QueuedMessage) message).toOwnedBlock();
          if (Records.region(block) == SharedMemory.REGION_ID) {
            elsewhere.incrementAndGet();
          }
          NativeCalls.release(block);
          echo(connection, message.length());
        };
    Limits limits = Limits.defaults().withRegionBytes(64 << 20);
    try (Server server = start(limits, handler);
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      byte[] frames =
          RawClient.bytesOf(Frame.binary(new byte[length]), Frame.text("x".repeat(small)));
      for (int i = 0; i < rounds; i++) {
        client.write(frames);
        client.expectText("" + length);
        client.expectText("" + small);
      }
    }
    assertEquals(0, elsewhere.get(), "messages that found no block in the loop's region");
  }

  private static void echo(Connection connection, int length) {
    if (connection.send("" + length) != SendResult.ACCEPTED) {
      throw new AssertionError("not accepted");
    }
  }
}
