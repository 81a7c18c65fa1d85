// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Engine;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Direct memory that a burst has needed, when it is over. */
@Tag("unchecked")
class NioMemoryReturnTest {
  private static final int BUSY = 500;
  private static final int LENGTH = 256 << 10;

  /** What the pool keeps, and what threads of the JDK keep for their own buffers. */
  private static final long KEPT = BlockPool.KEPT_BYTES + (4 << 20);

  private static long directBytes() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  /**
   * All at once in the middle of a message, then all idle again. That a collection is asked for is
   * not waited for here, because that happens now and then in a process that has run other tests.
   */
  @Test
  @Timeout(60)
  void isUnreachableOnceAllAreIdleAgain() throws Exception {
    byte[] frame = Frame.binary(new byte[LENGTH]).bytes();
    int header = frame.length - 4 - LENGTH;
    List<RawClient> clients = new ArrayList<>();
    System.gc();
    long before = directBytes();
    try (Server server =
        Server.builder()
            .engine(Engine.JAVA)
            .loops(1)
            .listen("ws://127.0.0.1:0")
            .route("/", (connection, message) -> connection.send(message))
            .start()) {
      for (int i = 0; i < BUSY; i++) {
        clients.add(RawClient.connect(server.addresses().get(0), "/"));
      }
      for (RawClient client : clients) {
        client.write(frame, 0, frame.length - 1);
      }
      long pinned = (long) BUSY * LENGTH;
      Deadline.until(() -> statistics(server).use(MemoryArea.BLOCKS) >= pinned, "all but the last");
      assertThat(directBytes() - before).isBetween(pinned, pinned + (64 << 20));
      for (RawClient client : clients) {
        client.write(frame, frame.length - 1, frame.length);
        client.skip(header + LENGTH);
      }
      Deadline.until(
          () ->
              statistics(server).use(MemoryArea.BLOCKS) == 0
                  && statistics(server).blockBytesKept() <= BlockPool.KEPT_BYTES,
          "free blocks dropped");
      Deadline.until(
          () -> {
            System.gc();
            return directBytes() - before <= KEPT;
          },
          "direct memory that is given back");
      assertThat(statistics(server).connections()).isEqualTo(BUSY);
    } finally {
      for (RawClient client : clients) {
        client.close();
      }
    }
  }

  private static LoopStatistics statistics(Server server) {
    return server.statistics().get(0);
  }
}
