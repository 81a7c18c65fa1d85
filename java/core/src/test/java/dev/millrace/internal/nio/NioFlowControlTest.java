// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.HandlerExecutor;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.FlowControlSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.LoopProbe;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class NioFlowControlTest extends FlowControlSuite {
  private static final int MARK = 256 << 10;
  private static final Limits LIMITS = Limits.defaults().withHighWaterMarkBytes(MARK);

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  private static byte[] shortMessages(int count) {
    byte[][] frames =
        Collections.nCopies(count, Frame.binary(new byte[1]).bytes()).toArray(byte[][]::new);
    return Frame.join(frames);
  }

  /** One receive brings more questions than there is room for answers: the others wait. */
  @Test
  void answersLongerThanTheirQuestionsAreNotRefused() throws Exception {
    byte[] answer = new byte[1_000];
    int count = 3_000;
    AtomicLong refused = new AtomicLong();
    AtomicLong mostBuffered = new AtomicLong();
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) {
            if (connection.send(ByteBuffer.wrap(answer)) != SendResult.ACCEPTED) {
              refused.incrementAndGet();
            }
            mostBuffered.accumulateAndGet(connection.bufferedBytes(), Math::max);
          }
        };
    Server server = start(server().limits(LIMITS).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    CompletableFuture<Void> writing = client.writeMeanwhile(shortMessages(count));
    for (int i = 0; i < count; i++) {
      client.expectBinary(answer);
    }
    Deadline.await(writing, "the write");
    assertEquals(0, refused.get());
    long limit = MARK / 2 + answer.length + 4;
    assertTrue(mostBuffered.get() <= limit, mostBuffered + " bytes buffered, limit " + limit);
  }

  /** What one receive brings goes to a handler's queue up to the mark, though each pins 256. */
  @Test
  void shortMessagesForABusyHandlerPinTheMark() throws Exception {
    int count = 20_000;
    CountDownLatch goOn = new CountDownLatch(1);
    AtomicLong handled = new AtomicLong();
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            goOn.await();
            handled.incrementAndGet();
          }
        };
    ExecutorService threads = Executors.newSingleThreadExecutor();
    try {
      Server server =
          start(
              server()
                  .limits(LIMITS)
                  .route("/", recorder, HandlerExecutor.of(threads))
                  .route("/probe", new Recorder()));
      RawClient client = connect(server);
      Connection connection = recorder.awaitOpen();
      CompletableFuture<Void> writing = client.writeMeanwhile(shortMessages(count));
      Deadline.until(() -> connection.pinnedBytes() >= MARK, "a handler that is felt");
      try (LoopProbe probe = new LoopProbe(server, "/probe")) {
        for (int i = 0; i < 10; i++) {
          probe.awaitTurn();
        }
      }
      // The rest of a receive waits in a block.
      long limit = MARK + (256 << 10) + 256;
      long pinned = connection.pinnedBytes();
      assertTrue(pinned <= limit, pinned + " bytes pinned, limit " + limit);
      goOn.countDown();
      Deadline.until(() -> handled.get() == count, "all messages");
      Deadline.await(writing, "the write");
    } finally {
      goOn.countDown();
      threads.shutdown();
    }
  }
}
