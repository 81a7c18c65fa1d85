// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.flatbuffers.FlatBufferBuilder;
import com.sun.management.ThreadMXBean;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.internal.spi.GrowableLease;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** FlatBuffers that are built in leases, and leases that grow. */
public abstract class BuilderSuite extends EngineSuite {

  /** What a handler does with its connection, instead of an answer to a message. */
  private interface Step {
    void run(Connection connection) throws Exception;
  }

  private static Handler of(Step step) {
    return (connection, message) -> step.run(connection);
  }

  private static byte[] built(int legs) {
    FlatBufferBuilder builder = new FlatBufferBuilder(64);
    Orders.write(builder, legs);
    return builder.sizedByteArray();
  }

  private static long memoryInUse(Server server) {
    LoopStatistics statistics = new LoopStatistics();
    server.statistics(0, statistics);
    return statistics.use(MemoryArea.BLOCKS) + statistics.use(MemoryArea.SHARED);
  }

  /** What is sent is given up by the loop in one of its next turns. */
  private static void awaitMemory(Server server, long bytes, RawClient client) {
    Deadline.until(
        () -> {
          try {
            client.write(Frame.ping("turn"));
            client.expectPongs("turn");
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
          return memoryInUse(server) == bytes;
        },
        "the memory that was in use before");
  }

  @ParameterizedTest
  @ValueSource(strings = {"loop", "executor"})
  void aBuilderOutgrowsItsLeaseSeveralTimes(String where) throws Exception {
    HandlerExecutor executor = HandlerExecutor.loop();
    if (where.equals("executor")) {
      ExecutorService thread = Executors.newSingleThreadExecutor();
      closeLater(thread::shutdown);
      executor = HandlerExecutor.of(thread);
    }
    Handler handler =
        (connection, message) -> {
          int legs = Integer.parseInt(message.text());
          try (Lease lease = connection.lease(48)) {
            FlatBufferBuilder builder = FlatBuffers.builder(lease);
            Orders.write(builder, legs);
            assertThat(connection.send(FlatBuffers.finish(builder, lease)))
                .isEqualTo(SendResult.ACCEPTED);
          }
        };
    Server server = start(server().route("/", handler, executor));
    long before = memoryInUse(server);
    RawClient client = connect(server);
    for (int legs : new int[] {0, 3, 40, 400, 4000, 3}) {
      client.write(Frame.text(String.valueOf(legs)));
      client.expectBinary(built(legs));
    }
    awaitMemory(server, before, client);
  }

  @Test
  void anExceptionInTheMiddleLeaksNothing() throws Exception {
    muteLog();
    Handler handler =
        of(
            connection -> {
              try (Lease lease = connection.lease(64)) {
                FlatBufferBuilder builder = FlatBuffers.builder(lease);
                builder.createString("more than the lease has".repeat(20));
                throw new IllegalStateException("in the middle");
              }
            });
    Server server = start(server().route("/", handler).route("/echo", ECHO));
    long before = memoryInUse(server);
    for (int i = 0; i < 20; i++) {
      RawClient client = connect(server);
      client.write(Frame.text("go"));
      client.expectCloseAndEnd(1011);
    }
    awaitMemory(server, before, connect(server, "/echo"));
  }

  @Test
  void aKeptBuilderBeginsAnewAfterAnything() throws Exception {
    FlatBufferBuilder kept = FlatBuffers.builder();
    assertThatIllegalStateException()
        .isThrownBy(() -> kept.createString("nowhere"))
        .withMessageContaining("no lease");
    Handler handler =
        (connection, message) -> {
          int legs = Integer.parseInt(message.text());
          try (Lease lease = connection.lease(32)) {
            FlatBufferBuilder builder = FlatBuffers.begin(kept, lease);
            builder.createString("begun");
            // What the memory held before is another's.
            assertThat(lease.length()).isZero();
            builder.startTable(3);
            builder.addInt(0, 1, 0); // and left like that
          }
          try (Lease lease = connection.lease(legs * 16 + 16)) {
            FlatBufferBuilder builder = FlatBuffers.begin(kept, lease);
            assertThat(builder).isSameAs(kept);
            Orders.write(builder, legs);
            connection.send(FlatBuffers.finish(builder, lease));
            assertThatIllegalStateException().isThrownBy(builder::clear);
          }
        };
    Server server = start(server().route("/", handler));
    long before = memoryInUse(server);
    RawClient client = connect(server);
    for (int i = 0; i < 200; i++) {
      client.write(Frame.text(String.valueOf(i % 17)));
      client.expectBinary(built(i % 17));
    }
    awaitMemory(server, before, client);
  }

  @Test
  void growingKeepsTheBytesAtTheEnd() throws Exception {
    Handler handler =
        of(
            connection -> {
              Lease lease = connection.lease(256);
              int capacity = 256;
              ByteBuffer before = lease.buffer();
              for (int i = 0; i < capacity; i++) {
                before.put(i, (byte) i);
              }
              ByteBuffer larger = ((GrowableLease) lease).grow(3 * capacity + 8);
              assertThat(larger).isSameAs(lease.buffer());
              assertThat(larger.capacity()).isEqualTo(3 * capacity + 8);
              assertThat(lease.capacity()).isEqualTo(3 * capacity + 8);
              assertThat(larger.position()).isZero();
              for (int i = 0; i < capacity; i++) {
                assertThat(larger.get(2 * capacity + 8 + i)).isEqualTo((byte) i);
              }
              connection.send(lease.range(2 * capacity + 8, capacity));
            });
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.text("go"));
    byte[] expected = new byte[256];
    for (int i = 0; i < 256; i++) {
      expected[i] = (byte) i;
    }
    client.expectBinary(expected);
  }

  @Test
  void whatCannotGrowSaysSoAndStaysAsItWas() throws Exception {
    Handler handler =
        (connection, message) -> {
          GrowableLease received = (GrowableLease) message.retain();
          assertThatIllegalStateException()
              .isThrownBy(() -> received.grow(1 << 20))
              .withMessageContaining("received");
          ((Lease) received).close();
          Lease lease = connection.lease(64);
          lease.buffer().put((byte) 7);
          GrowableLease growable = (GrowableLease) lease;
          assertThatIllegalStateException()
              .isThrownBy(() -> growable.grow(1 << 30))
              .withMessageContaining("next=1073741824");
          assertThat(connection.send(lease)).isEqualTo(SendResult.ACCEPTED);
          assertThatIllegalStateException()
              .isThrownBy(() -> growable.grow(1 << 20))
              .withMessageContaining("sent");
          Lease closed = connection.lease(64);
          closed.close();
          assertThatThrownBy(() -> ((GrowableLease) closed).grow(1 << 20))
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining("closed");
        };
    Server server = start(server().route("/", handler));
    long before = memoryInUse(server);
    RawClient client = connect(server);
    client.write(Frame.text("go"));
    client.expectBinary(new byte[] {7});
    awaitMemory(server, before, client);
  }

  /** Closed by another thread while it grows: given up once, whoever wins. */
  @Test
  void closedWhileItGrows() throws Exception {
    BlockingQueue<Connection> opened = new LinkedBlockingQueue<>();
    Server server = start(server().route("/", (connection, message) -> opened.add(connection)));
    long before = memoryInUse(server);
    RawClient client = connect(server);
    client.write(Frame.text("go"));
    Connection connection = Deadline.take(opened, "the connection");
    ExecutorService other = Executors.newSingleThreadExecutor();
    closeLater(other::shutdown);
    for (int i = 0; i < 500; i++) {
      Lease lease = connection.lease(1024);
      CountDownLatch done = new CountDownLatch(1);
      other.execute(
          () -> {
            lease.close();
            done.countDown();
          });
      try {
        for (int size = 2048; size <= 65_536; size *= 2) {
          ((GrowableLease) lease).grow(size);
        }
      } catch (IllegalStateException closed) {
        assertThat(closed).hasMessageContaining("closed");
      }
      Deadline.await(done, "the close");
    }
    awaitMemory(server, before, client);
  }

  /** A kept builder costs no more than its lease. */
  @Test
  @Tag("unchecked")
  void aKeptBuilderAllocatesNothing() throws Exception {
    int messages = 50_000;
    FlatBufferBuilder kept = FlatBuffers.builder();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    BlockingQueue<Long> allocated = new LinkedBlockingQueue<>();
    Handler handler =
        of(
            connection -> {
              long start = threads.getCurrentThreadAllocatedBytes();
              for (int i = 0; i < messages; i++) {
                connection.lease(512).close();
              }
              long leases = threads.getCurrentThreadAllocatedBytes();
              for (int i = 0; i < messages; i++) {
                try (Lease lease = connection.lease(512)) {
                  FlatBufferBuilder builder = FlatBuffers.begin(kept, lease);
                  Orders.writeSmall(builder, "symbol");
                  FlatBuffers.finish(builder, lease);
                }
              }
              long end = threads.getCurrentThreadAllocatedBytes();
              allocated.add(end - leases - (leases - start));
            });
    RawClient client = connect(start(server().route("/", handler)));
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 6; i++) {
      client.write(Frame.text("measure"));
      least = Math.min(least, Deadline.take(allocated, "a measurement"));
    }
    assertThat(least).isLessThan(messages);
  }
}
