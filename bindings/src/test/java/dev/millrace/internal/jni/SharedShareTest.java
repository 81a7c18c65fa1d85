// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.MillraceException;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The memory that threads outside the loops have: nobody else takes of it. Without the checked
 * mode, where every message has a block.
 */
@Tag("unchecked")
@Timeout(60)
final class SharedShareTest {
  private static final Limits LIMITS =
      Limits.defaults().withMaxMemoryBytes(64 << 20).withMaxMessageBytes(1 << 20);

  @AfterEach
  void forgetAllocator() {
    System.clearProperty("millrace.allocator");
  }

  private static Server start(Handler handler) throws MillraceException {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(1)
        .limits(LIMITS)
        .listen("ws://127.0.0.1:0")
        .route("/", handler)
        .start();
  }

  /** What a loop received and answers with a policy waits in the loop's own region. */
  @Test
  void receivedMessagesWaitInTheirLoopsMemory() throws Exception {
    CompletableFuture<Integer> taken = new CompletableFuture<>();
    SendOptions droppable = SendOptions.defaults().withPolicy(SendOptions.Policy.DROP_OLDEST);
    Handler handler =
        new Handler() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            int before = blocks();
            for (int i = 0; i < 500; i++) {
              if (connection.send(message, droppable) != SendResult.ACCEPTED) {
                throw new AssertionError("not accepted: " + i);
              }
            }
            assertTrue(connection.queuedMessages() > 100, "nothing was kept");
            taken.complete(before - blocks());
          }

          @Override
          public void onError(Connection connection, Throwable cause) {
            taken.completeExceptionally(cause);
          }
        };
    try (Server server = start(handler);
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      client.write(RawClient.bytesOf(Frame.binary(new byte[1000])));
      assertEquals(0, Deadline.await(taken, "the messages"));
    }
  }

  @Test
  void aServerThatCouldNotStartLeavesNoShare() throws Exception {
    try (Server server = start((connection, message) -> {})) {
      int before = blocks();
      System.setProperty("millrace.allocator", "jemalloc");
      for (int i = 0; i < 4; i++) {
        assertThrows(MillraceException.class, () -> start((connection, message) -> {}));
      }
      assertEquals(before, blocks());
      assertEquals(1, server.addresses().size());
    }
  }

  /** How many of 1 MiB there are. */
  private static int blocks() {
    List<Long> taken = new ArrayList<>();
    for (long block; taken.size() < 1000 && (block = SharedMemory.acquire(1 << 20)) >= 0; ) {
      taken.add(block);
    }
    taken.forEach(NativeCalls::release);
    return taken.size();
  }
}
