// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Lease;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The loop's thread allocates nothing for a message and its answer. A client drives one connection;
 * the handler reads the thread's own count before and after, when everything is compiled.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class NativeAllocationTest {
  private static final int WARM_UP = 400_000;
  private static final int MEASURED = 400_000;
  private static final int PIPELINE = 32;
  private static final int PAYLOAD_LENGTH = 64;

  /** What the virtual machine may still do on this thread by itself, over all measured messages. */
  private static final long ALLOWED_BYTES = 4096;

  /** How a message is answered; the answer is as long as the message. */
  private interface Answer {
    SendResult send(Connection connection, Message message);
  }

  /** Answers, and measures between two messages that it counts to. */
  private static final class Measuring implements Handler {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    final CompletableFuture<Long> allocated = new CompletableFuture<>();
    private final Answer answer;
    private long before;
    private int count;

    Measuring(Answer answer) {
      this.answer = answer;
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      count++;
      if (count == WARM_UP) {
        before = THREADS.getCurrentThreadAllocatedBytes();
      } else if (count == WARM_UP + MEASURED) {
        allocated.complete(THREADS.getCurrentThreadAllocatedBytes() - before);
      }
      if (answer.send(connection, message) != SendResult.ACCEPTED) {
        throw new IllegalStateException("not accepted: count=" + count);
      }
    }
  }

  private static long allocated(Answer answer) throws Exception {
    Measuring handler = new Measuring(answer);
    try (Server server =
            Server.builder()
                .engine(Engine.NATIVE)
                .loops(1)
                .listen("ws://127.0.0.1:0")
                .route("/", handler)
                .start();
        Socket socket = connect(server.addresses().get(0))) {
      drive(socket);
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

  private static void drive(Socket socket) throws IOException {
    OutputStream out = socket.getOutputStream();
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] frames = frames();
    byte[] answers = new byte[PIPELINE * (2 + PAYLOAD_LENGTH)];
    for (int sent = 0; sent < WARM_UP + MEASURED; sent += PIPELINE) {
      out.write(frames);
      in.readFully(answers);
    }
    assertThat(answers[1]).isEqualTo((byte) PAYLOAD_LENGTH);
    assertThat(answers[answers.length - 1]).isEqualTo((byte) 'x');
  }

  /** Masked text frames of x; the mask is zero. */
  private static byte[] frames() {
    ByteBuffer frames = ByteBuffer.allocate(PIPELINE * (6 + PAYLOAD_LENGTH));
    while (frames.hasRemaining()) {
      frames.put((byte) 0x81).put((byte) (0x80 | PAYLOAD_LENGTH)).putInt(0);
      for (int i = 0; i < PAYLOAD_LENGTH; i++) {
        frames.put((byte) 'x');
      }
    }
    return frames.array();
  }

  @Test
  void sendOfTheMessage() throws Exception {
    assertThat(allocated((connection, message) -> connection.send(message)))
        .isLessThan(ALLOWED_BYTES);
  }

  @Test
  void sendOfAHeapBuffer() throws Exception {
    ByteBuffer heap = ByteBuffer.wrap("x".repeat(PAYLOAD_LENGTH).getBytes(StandardCharsets.UTF_8));
    assertThat(allocated((connection, message) -> connection.send(heap))).isLessThan(ALLOWED_BYTES);
  }

  @Test
  void sendOfADirectBuffer() throws Exception {
    ByteBuffer direct = ByteBuffer.allocateDirect(PAYLOAD_LENGTH);
    direct.put("x".repeat(PAYLOAD_LENGTH).getBytes(StandardCharsets.UTF_8)).flip();
    assertThat(allocated((connection, message) -> connection.send(direct)))
        .isLessThan(ALLOWED_BYTES);
  }

  @Test
  void sendOfText() throws Exception {
    String text = "x".repeat(PAYLOAD_LENGTH);
    assertThat(allocated((connection, message) -> connection.send(text))).isLessThan(ALLOWED_BYTES);
  }

  /** A lease is a small object and its buffer another; sending it adds nothing. */
  @Test
  void leaseCostsItselfAndItsBuffer() throws Exception {
    byte[] payload = "x".repeat(PAYLOAD_LENGTH).getBytes(StandardCharsets.UTF_8);
    long bytes =
        allocated(
            (connection, message) -> {
              Lease lease = connection.lease(PAYLOAD_LENGTH);
              lease.buffer().put(payload);
              return connection.send(lease);
            });
    assertThat(bytes / MEASURED).isLessThanOrEqualTo(56 + 64);
  }

  /** The slice of {@code payload()} is the one small object that its documentation speaks of. */
  @Test
  void payloadCostsOneBuffer() throws Exception {
    long bytes = allocated((connection, message) -> connection.send(message.payload()));
    assertThat(bytes / MEASURED).isLessThanOrEqualTo(64);
  }
}
