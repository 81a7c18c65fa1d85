// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.UnixOperatingSystemMXBean;
import dev.millrace.Engine;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.MillraceException;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What a connection costs that has nothing to do: on the heap the slope of what is live after a
 * full collection, in the core what its areas and words hold. That it calls no {@code malloc} is
 * for {@code counts_test} to say.
 */
@Tag("unchecked")
class IdleConnectionsTest {
  private static final int FEW = 5_000;
  private static final int MANY = 19_000;

  /** Descriptors of the server that are no connections. */
  private static final int OTHER_DESCRIPTORS = 500;

  static final int MAX_HEAP_BYTES = 128;
  static final int MAX_NATIVE_BYTES = 256;
  private static final int TIMER_BYTES = 32;

  private static final int BUSY = 500;
  private static final long MAX_KEPT_BYTES = 8 << 20;

  @Test
  @Timeout(120)
  void costsNoMoreThanItsBudget() throws Exception {
    long descriptors =
        ((UnixOperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getMaxFileDescriptorCount();
    assumeTrue(
        descriptors >= MANY + OTHER_DESCRIPTORS,
        () ->
            "not measured: this process may open "
                + descriptors
                + " files, "
                + (MANY + OTHER_DESCRIPTORS)
                + " are needed (ulimit -n)");
    try (Server server = start(2);
        IdleClients clients = IdleClients.of(server.addresses().get(0).getPort())) {
      open(server, clients, FEW);
      // Only the sum is kept: a histogram would be counted by the next one.
      long heapOfFew = LiveHeap.now().bytes();
      long nativeOfFew = nativeBytes(server.statistics());
      open(server, clients, MANY);
      LiveHeap heap = LiveHeap.now();
      double heapSlope = (double) (heap.bytes() - heapOfFew) / (MANY - FEW);
      double nativeSlope = (double) (nativeBytes(server.statistics()) - nativeOfFew) / (MANY - FEW);
      System.out.printf(
          "an idle connection: %.1f bytes of heap, %.1f native%n", heapSlope, nativeSlope);
      assertThat(heapSlope)
          .as("bytes of heap for a connection; the heap with %s of them: %s", MANY, heap)
          .isPositive()
          .isLessThanOrEqualTo(MAX_HEAP_BYTES);
      assertThat(nativeSlope).isPositive().isLessThanOrEqualTo(MAX_NATIVE_BYTES);
    }
  }

  /**
   * All at once in the middle of a message of 256 KiB, then all idle again: what stays are the free
   * blocks that are kept for the next message.
   */
  @Test
  @Timeout(120)
  void givesPagesBackWhenItIsIdleAgain() throws Exception {
    byte[] message = new byte[256 << 10];
    Arrays.fill(message, (byte) 'x');
    byte[] frame = RawClient.bytesOf(Frame.binary(message));
    List<RawClient> clients = new ArrayList<>();
    try (Server server = start(1)) {
      URI address = server.addresses().get(0);
      for (int i = 0; i < BUSY; i++) {
        clients.add(RawClient.connect(address, "/"));
      }
      long received = server.statistics().get(0).bytesReceived();
      for (RawClient client : clients) {
        client.write(frame, 0, frame.length - 1);
      }
      long written = (long) BUSY * (frame.length - 1);
      awaitStatistics(server, s -> s.bytesReceived() == received + written, "all but the last");
      long pinned = (long) BUSY * message.length;
      assertThat(server.statistics().get(0).use(MemoryArea.BLOCKS)).isEqualTo(pinned);
      for (RawClient client : clients) {
        client.write(frame, frame.length - 1, frame.length);
        client.expectBinary(message);
      }
      // What grew on the way may have gone back before: the free blocks of now are what counts.
      awaitStatistics(
          server,
          s -> s.use(MemoryArea.BLOCKS) == 0 && s.blockBytesKept() <= MAX_KEPT_BYTES,
          "free blocks given back");
      LoopStatistics idle = server.statistics().get(0);
      assertThat(idle.connections()).isEqualTo(BUSY);
      assertThat(idle.blockBytesReturned()).isGreaterThanOrEqualTo(pinned - MAX_KEPT_BYTES);
    } finally {
      for (RawClient client : clients) {
        client.close();
      }
    }
  }

  private static Server start(int loops) throws MillraceException {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(loops)
        .listen("ws://0.0.0.0:0")
        .route("/", (connection, message) -> connection.send(message))
        .start();
  }

  private static void awaitStatistics(
      Server server, Predicate<LoopStatistics> condition, String what) {
    Deadline.until(() -> condition.test(server.statistics().get(0)), what);
  }

  private static void open(Server server, IdleClients clients, int total) throws Exception {
    clients.open(total);
    awaitOpen(server, total);
  }

  static void awaitOpen(Server server, int total) {
    Deadline.until(() -> server.connectionCount() == total, total + " connections");
    // Areas are told at the end of a turn.
    Deadline.until(
        () -> server.statistics().stream().mapToLong(LoopStatistics::connections).sum() == total,
        total + " connections in the statistics");
  }

  /**
   * What areas hold for longer than a turn, the three words of each slot that other threads read,
   * and the entry of its timer.
   */
  static long nativeBytes(List<LoopStatistics> loops) {
    long bytes = 0;
    for (LoopStatistics loop : loops) {
      bytes += loop.use(MemoryArea.SLAB) + loop.use(MemoryArea.BLOCKS);
      bytes += loop.connections() * (3 * Long.BYTES + TIMER_BYTES);
    }
    return bytes;
  }
}
