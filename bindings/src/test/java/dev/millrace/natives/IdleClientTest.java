// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.UnixOperatingSystemMXBean;
import dev.millrace.Client;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.LoopStatistics;
import dev.millrace.suite.Deadline;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What a client's connection costs that has nothing to do: no more than a server's, counted in the
 * same way. The server is a process of its own.
 */
class IdleClientTest {
  private static final int FEW = 5_000;
  private static final int MANY = 10_000;

  /** Descriptors of the client that are no connections. */
  private static final int OTHER_DESCRIPTORS = 500;

  /** To one address more are slow to open: the kernel looks ever longer for a free port. */
  private static final int PER_ADDRESS = 5_000;

  /** At once under way: less than any listener's queue. */
  private static final int BATCH = 64;

  private static final Handler NOTHING_TO_DO = (connection, message) -> {};

  @Test
  @Timeout(120)
  void costsNoMoreThanAConnectionOfAServer() throws Exception {
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
    try (IdleServer server = IdleServer.start();
        Client client = Client.builder().engine(Engine.NATIVE).loops(2).build()) {
      open(client, server, 0, FEW);
      // Only the sum is kept: a histogram would be counted by the next one.
      long heapOfFew = LiveHeap.now().bytes();
      long nativeOfFew = IdleConnectionsTest.nativeBytes(client.statistics());
      open(client, server, FEW, MANY);
      LiveHeap heap = LiveHeap.now();
      double heapSlope = (double) (heap.bytes() - heapOfFew) / (MANY - FEW);
      long nativeBytes = IdleConnectionsTest.nativeBytes(client.statistics());
      double nativeSlope = (double) (nativeBytes - nativeOfFew) / (MANY - FEW);
      System.out.printf(
          "an idle connection of a client: %.1f bytes of heap, %.1f native%n",
          heapSlope, nativeSlope);
      assertThat(heapSlope)
          .as("bytes of heap for a connection; the heap with %s of them: %s", MANY, heap)
          .isPositive()
          .isLessThanOrEqualTo(IdleConnectionsTest.MAX_HEAP_BYTES);
      assertThat(nativeSlope)
          .isPositive()
          .isLessThanOrEqualTo(IdleConnectionsTest.MAX_NATIVE_BYTES);
    }
  }

  private static void open(Client client, IdleServer server, int from, int to) throws Exception {
    List<CompletionStage<Connection>> opening = new ArrayList<>();
    for (int i = from; i < to; i++) {
      URI address = URI.create("ws://127.0." + i / PER_ADDRESS + ".1:" + server.port() + "/");
      opening.add(client.connect(address, NOTHING_TO_DO));
      if (opening.size() == BATCH || i + 1 == to) {
        for (CompletionStage<Connection> one : opening) {
          Deadline.await(one, "a connection");
        }
        opening.clear();
      }
    }
    // Areas are told at the end of a turn.
    Deadline.until(
        () -> client.statistics().stream().mapToLong(LoopStatistics::connections).sum() == to,
        to + " connections in the statistics");
    assertThat(client.connectionCount()).isEqualTo(to);
  }
}
