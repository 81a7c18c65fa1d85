// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.LoopStatistics;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The loop's thread allocates nothing for a message and its answer. A client drives one connection;
 * the handler reads the thread's own count before and after, when everything is compiled.
 */
@Tag("unchecked")
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class NativeAllocationTest {
  /**
   * How long messages are, how many, how many are on the way at once, and what the virtual machine
   * may still do on the loop's thread by itself: 936 bytes were seen, once. An object of 16 bytes
   * in every 3,900th message of 64 bytes, or in every 300th of 64 KiB, is more.
   */
  private enum Load {
    SMALL(64, 1_000_000, 32, 4096),
    LARGE(65_536, 40_000, 1, 2048);

    final int length;
    final int messages;
    final int pipeline;
    final long allowed;

    Load(int length, int messages, int pipeline, long allowed) {
      this.length = length;
      this.messages = messages;
      this.pipeline = pipeline;
      this.allowed = allowed;
    }

    int warmUp() {
      return messages / 2;
    }

    byte[] payload() {
      return "x".repeat(length).getBytes(StandardCharsets.US_ASCII);
    }
  }

  /** How a message is answered; the answer is as long as the message. */
  private interface Answer {
    SendResult send(Connection connection, Message message);
  }

  /** Answers, and measures between two messages that it counts to. */
  private static final class Measuring implements Handler {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    final CompletableFuture<Long> allocated = new CompletableFuture<>();
    private final Load load;
    private final Answer answer;
    private long before;
    private int count;

    Measuring(Load load, Answer answer) {
      this.load = load;
      this.answer = answer;
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      count++;
      if (count == load.warmUp()) {
        before = THREADS.getCurrentThreadAllocatedBytes();
      } else if (count == load.warmUp() + load.messages) {
        allocated.complete(THREADS.getCurrentThreadAllocatedBytes() - before);
      }
      if (answer.send(connection, message) != SendResult.ACCEPTED) {
        throw new IllegalStateException("not accepted: count=" + count);
      }
    }
  }

  private static long allocated(Load load, Answer answer) throws Exception {
    Measuring handler = new Measuring(load, answer);
    try (Server server =
            Server.builder()
                .engine(Engine.NATIVE)
                .loops(1)
                .listen("ws://127.0.0.1:0")
                .route("/", handler)
                .start();
        Socket socket = connect(server.addresses().get(0))) {
      drive(socket, load);
      return handler.allocated.get(10, TimeUnit.SECONDS);
    }
  }

  private static Socket connect(URI server) throws IOException {
    Socket socket = new Socket(server.getHost(), server.getPort());
    String request =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) socket.getInputStream().read());
    }
    assertThat(head.toString()).startsWith("HTTP/1.1 101 ");
    return socket;
  }

  private static void drive(Socket socket, Load load) throws IOException {
    OutputStream out = socket.getOutputStream();
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] frames = frames(load);
    int header = load.length < 126 ? 2 : 10;
    byte[] answers = new byte[load.pipeline * (header + load.length)];
    for (int sent = 0; sent < load.warmUp() + load.messages; sent += load.pipeline) {
      out.write(frames);
      in.readFully(answers);
    }
    assertThat(answers[1]).isEqualTo((byte) Math.min(load.length, 127));
    assertThat(answers[answers.length - 1]).isEqualTo((byte) 'x');
  }

  /** Masked text frames of x; the mask is zero. */
  private static byte[] frames(Load load) {
    boolean small = load.length < 126;
    ByteBuffer frames = ByteBuffer.allocate(load.pipeline * ((small ? 6 : 14) + load.length));
    while (frames.hasRemaining()) {
      frames.put((byte) 0x81);
      if (small) {
        frames.put((byte) (0x80 | load.length));
      } else {
        frames.put((byte) (0x80 | 127)).putLong(load.length);
      }
      frames.putInt(0).put(load.payload());
    }
    return frames.array();
  }

  @ParameterizedTest
  @EnumSource
  void sendOfTheMessage(Load load) throws Exception {
    assertThat(allocated(load, (connection, message) -> connection.send(message)))
        .isLessThanOrEqualTo(load.allowed);
  }

  @ParameterizedTest
  @EnumSource
  void sendOfAHeapBuffer(Load load) throws Exception {
    ByteBuffer heap = ByteBuffer.wrap(load.payload());
    assertThat(allocated(load, (connection, message) -> connection.send(heap)))
        .isLessThanOrEqualTo(load.allowed);
  }

  @ParameterizedTest
  @EnumSource
  void sendOfADirectBuffer(Load load) throws Exception {
    ByteBuffer direct = ByteBuffer.allocateDirect(load.length);
    direct.put(load.payload()).flip();
    assertThat(allocated(load, (connection, message) -> connection.send(direct)))
        .isLessThanOrEqualTo(load.allowed);
  }

  @ParameterizedTest
  @EnumSource
  void sendOfText(Load load) throws Exception {
    String text = "x".repeat(load.length);
    assertThat(allocated(load, (connection, message) -> connection.send(text)))
        .isLessThanOrEqualTo(load.allowed);
  }

  /**
   * A lease is an object of its own, so that a late {@code close()} can never meet another's: 24
   * bytes, and nothing for its buffer, which belongs to the block.
   */
  @ParameterizedTest
  @EnumSource
  void aLeaseCostsItselfAlone(Load load) throws Exception {
    byte[] payload = load.payload();
    long bytes =
        allocated(
            load,
            (connection, message) -> {
              Lease lease = connection.lease(payload.length);
              lease.buffer().put(payload);
              return connection.send(lease);
            });
    assertThat(bytes).isLessThanOrEqualTo(24L * load.messages + load.allowed);
  }

  /** The slice of {@code payload()} is the one small object that its documentation speaks of. */
  @ParameterizedTest
  @EnumSource
  void payloadCostsOneBuffer(Load load) throws Exception {
    long bytes = allocated(load, (connection, message) -> connection.send(message.payload()));
    assertThat(bytes).isLessThanOrEqualTo(64L * load.messages + load.allowed);
  }

  @Test
  void statisticsAreFilledForNothing() throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Server server =
        Server.builder()
            .engine(Engine.NATIVE)
            .loops(1)
            .listen("ws://127.0.0.1:0")
            .route("/", (connection, message) -> {})
            .start()) {
      LoopStatistics statistics = new LoopStatistics();
      for (int i = 0; i < 50_000; i++) {
        server.statistics(0, statistics);
      }
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 50_000; i++) {
        server.statistics(0, statistics);
      }
      assertThat(threads.getCurrentThreadAllocatedBytes() - before)
          .isLessThanOrEqualTo(Load.LARGE.allowed);
    }
  }
}
