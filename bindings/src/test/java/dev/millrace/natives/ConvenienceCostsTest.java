// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.io.DataInputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What each convenience costs on top of {@code send(message)}: heap by the virtual machine's own
 * count, which is asserted, and processor time, which is only told, by the difference of two echoes
 * that take turns. Both are those of the whole process less the client's thread.
 *
 * <p>A few thousand messages do for the heap. For the time ask for more, on a machine that does
 * nothing else: {@code -Dmillrace.costs.messages=40000}.
 */
@Tag("unchecked")
@Timeout(300)
final class ConvenienceCostsTest {
  private static final int MESSAGES = Integer.getInteger("millrace.costs.messages", 5_000);
  private static final int ROUNDS = 9;
  private static final int LENGTH = 64;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** What other threads of the process may allocate meanwhile, for a message. */
  private static final double NOISE_BYTES = 4;

  private interface Answer {
    SendResult send(Connection connection, Message message);
  }

  /** Ways to an echo, and the most bytes of heap that each may take for a message of 64 bytes. */
  private enum Convenience {
    /** The slice. */
    PAYLOAD(64, (connection, message) -> connection.send(message.payload())),
    /** The string, its bytes, and the bytes that it is decoded from. */
    TEXT(24 + 80 + 80, (connection, message) -> connection.send(message.text())),
    /** The lease, and what it knows of its block. */
    RETAIN(72, ConvenienceCostsTest::sendRetained),
    /** The same, and its buffer: a slice of the block, and its read-only twin. */
    RETAIN_AND_READ(72 + 128, ConvenienceCostsTest::readRetained),
    /** The message that waits, and what hands its turn to the executor. */
    FIXED_POOL(200, Connection::send),
    /** The same, and the virtual thread. */
    VIRTUAL_THREADS(600, Connection::send);

    final int maxBytes;
    final Answer answer;

    Convenience(int maxBytes, Answer answer) {
      this.maxBytes = maxBytes;
      this.answer = answer;
    }
  }

  private static SendResult sendRetained(Connection connection, Message message) {
    return connection.send(message.retain());
  }

  private static SendResult readRetained(Connection connection, Message message) {
    Lease lease = message.retain();
    if (lease.buffer().get(lease.offset()) != 'x') {
      throw new IllegalStateException("not what was sent");
    }
    return connection.send(lease);
  }

  private final List<AutoCloseable> opened = new ArrayList<>();

  @AfterEach
  void closeAll() throws Exception {
    for (int i = opened.size() - 1; i >= 0; i--) {
      opened.get(i).close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void costs(Convenience convenience) throws Exception {
    HandlerExecutor executor = executor(convenience);
    Echo plain = new Echo(HandlerExecutor.loop(), Connection::send);
    Echo convenient = new Echo(executor, convenience.answer);
    for (int pipeline : new int[] {1, 16}) {
      List<Cost> differences = new ArrayList<>();
      int messages = MESSAGES * pipeline / (pipeline == 1 ? 1 : 2);
      plain.cost(messages, pipeline);
      convenient.cost(messages, pipeline);
      for (int round = 0; round < ROUNDS; round++) {
        Cost before = plain.cost(messages, pipeline);
        differences.add(convenient.cost(messages, pipeline).minus(before));
      }
      double bytes = median(differences.stream().mapToDouble(Cost::bytes).toArray());
      double[] times = differences.stream().mapToDouble(Cost::nanos).sorted().toArray();
      System.out.printf(
          "%s, %d in flight: %.1f bytes of heap, %.0f ns (%.0f to %.0f)%n",
          convenience, pipeline, bytes, median(times), times[1], times[ROUNDS - 2]);
      assertThat(bytes)
          .as("bytes of heap for a message, %s in flight", pipeline)
          .isLessThanOrEqualTo(convenience.maxBytes + NOISE_BYTES);
    }
  }

  private HandlerExecutor executor(Convenience convenience) {
    switch (convenience) {
      case FIXED_POOL -> {
        ExecutorService pool = Executors.newFixedThreadPool(1);
        opened.add(pool::shutdownNow);
        return HandlerExecutor.of(pool);
      }
      case VIRTUAL_THREADS -> {
        assumeTrue(Runtime.version().feature() >= 21, "virtual threads: JDK 21 and newer");
        return HandlerExecutor.virtualThreads();
      }
      default -> {
        return HandlerExecutor.loop();
      }
    }
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  /** For a message. */
  private record Cost(double bytes, double nanos) {
    Cost minus(Cost other) {
      return new Cost(bytes - other.bytes, nanos - other.nanos);
    }
  }

  /** A server and one connection to it. */
  private final class Echo {
    private final Socket socket;

    Echo(HandlerExecutor executor, Answer answer) throws Exception {
      Server server =
          Server.builder()
              .engine(Engine.NATIVE)
              .loops(1)
              .listen("ws://127.0.0.1:0")
              .route("/", (connection, message) -> answer(answer, connection, message), executor)
              .start();
      opened.add(server);
      URI address = server.addresses().get(0);
      socket = new Socket(address.getHost(), address.getPort());
      opened.add(socket);
      socket.setTcpNoDelay(true);
      shakeHands();
    }

    private void answer(Answer answer, Connection connection, Message message) {
      if (answer.send(connection, message) != SendResult.ACCEPTED) {
        throw new IllegalStateException("not accepted");
      }
    }

    private void shakeHands() throws IOException {
      String request =
          "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      StringBuilder head = new StringBuilder();
      while (head.indexOf("\r\n\r\n") < 0) {
        head.append((char) socket.getInputStream().read());
      }
      assertThat(head.toString()).startsWith("HTTP/1.1 101 ");
    }

    /** Sends so many messages, so many of them at once, and waits for their echoes. */
    Cost cost(int messages, int pipeline) throws Exception {
      byte[] frames = frames(pipeline);
      byte[] answers = new byte[pipeline * (2 + LENGTH)];
      DataInputStream in = new DataInputStream(socket.getInputStream());
      long bytes = allocatedByOthers();
      long nanos = processorTimeOfOthers();
      for (int sent = 0; sent < messages; sent += pipeline) {
        socket.getOutputStream().write(frames);
        in.readFully(answers);
      }
      nanos = processorTimeOfOthers() - nanos;
      bytes = allocatedByOthers() - bytes;
      assertThat(answers[answers.length - 1]).isEqualTo((byte) 'x');
      return new Cost((double) bytes / messages, (double) nanos / messages);
    }

    /** Masked text frames of x; the mask is zero. */
    private static byte[] frames(int count) {
      ByteBuffer frames = ByteBuffer.allocate(count * (6 + LENGTH));
      while (frames.hasRemaining()) {
        frames.put((byte) 0x81).put((byte) (0x80 | LENGTH)).putInt(0);
        for (int i = 0; i < LENGTH; i++) {
          frames.put((byte) 'x');
        }
      }
      return frames.array();
    }
  }

  /** By the scheduler's own count: the process's time is told in ticks of 10 ms. */
  private static long processorTimeOfOthers() throws IOException {
    long all = 0;
    try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (Path thread : threads) {
        String running = Files.readString(thread.resolve("schedstat")).split(" ")[0];
        all += Long.parseLong(running);
      }
    }
    return all - THREADS.getCurrentThreadCpuTime();
  }

  /** From JDK 21 on by all threads, those that carry virtual ones included. */
  private static long allocatedByOthers() throws IllegalAccessException {
    long all = 0;
    try {
      Method total = ThreadMXBean.class.getMethod("getTotalThreadAllocatedBytes");
      all = (long) total.invoke(THREADS);
    } catch (NoSuchMethodException olderJdk) {
      for (long bytes : THREADS.getThreadAllocatedBytes(THREADS.getAllThreadIds())) {
        all += Math.max(0, bytes);
      }
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(e.getCause());
    }
    return all - THREADS.getCurrentThreadAllocatedBytes();
  }
}
