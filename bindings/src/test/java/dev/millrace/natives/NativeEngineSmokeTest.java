// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Limits;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole way once: the JDK's own client, the core, the rings, a handler, and back. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class NativeEngineSmokeTest {
  private static final Handler ECHO = (connection, message) -> connection.send(message);

  /** Collects whole messages: strings, or buffers for binary. */
  private static final class Collector implements WebSocket.Listener {
    final LinkedBlockingQueue<Object> messages = new LinkedBlockingQueue<>();
    private final StringBuilder text = new StringBuilder();
    private final java.io.ByteArrayOutputStream binary = new java.io.ByteArrayOutputStream();

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        messages.add(text.toString());
        text.setLength(0);
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      byte[] bytes = new byte[data.remaining()];
      data.get(bytes);
      binary.writeBytes(bytes);
      if (last) {
        messages.add(ByteBuffer.wrap(binary.toByteArray()));
        binary.reset();
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      messages.add("closed " + code + ' ' + reason);
      return null;
    }

    Object next() throws InterruptedException {
      Object message = messages.poll(30, TimeUnit.SECONDS);
      return message == null ? "nothing came" : message;
    }
  }

  private static Server server(int loops) throws Exception {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(loops)
        .listen("ws://127.0.0.1:0")
        .route("/echo", ECHO)
        .get("/health", "text/plain", () -> "ok")
        .limits(Limits.defaults().withMaxMessageBytes(16 << 20))
        .start();
  }

  private static WebSocket connect(Server server, Collector collector) {
    URI uri = URI.create(server.addresses().get(0) + "/echo");
    return HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(uri, collector).join();
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        0, 1, 2, 125, 126, 127, 2048, 2049, 65_535, 65_536, 262_130, 262_131, 600_000, 1 << 22,
        16 << 20
      })
  void echoesBinary(int length) throws Exception {
    byte[] payload = new byte[length];
    new Random(length).nextBytes(payload);
    try (Server server = server(1)) {
      Collector collector = new Collector();
      WebSocket socket = connect(server, collector);
      for (int i = 0; i < 3; i++) {
        socket.sendBinary(ByteBuffer.wrap(payload), true).join();
        assertThat(collector.next()).isEqualTo(ByteBuffer.wrap(payload));
      }
      socket.abort();
    }
  }

  @Test
  void echoesText() throws Exception {
    try (Server server = server(2)) {
      Collector collector = new Collector();
      WebSocket socket = connect(server, collector);
      for (String text : new String[] {"", "hello", "äöü€😀", "😀".repeat(50_000)}) {
        socket.sendText(text, true).join();
        assertThat(collector.next()).isEqualTo(text);
      }
      socket.sendClose(4000, "done").join();
      assertThat(collector.next()).isEqualTo("closed 4000 ");
    }
  }

  @Test
  void answersPlainRequests() throws Exception {
    try (Server server = server(1)) {
      String address = server.addresses().get(0).toString().replace("ws:", "http:");
      HttpClient client = HttpClient.newHttpClient();
      HttpResponse<String> health =
          client.send(
              HttpRequest.newBuilder(URI.create(address + "/health")).build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(health.statusCode()).isEqualTo(200);
      assertThat(health.body()).isEqualTo("ok");
      HttpResponse<String> unknown =
          client.send(
              HttpRequest.newBuilder(URI.create(address + "/unknown")).build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(unknown.statusCode()).isEqualTo(404);
    }
  }

  @Test
  void namesThePortThatIsTakenAndLeavesNothingBehind() throws Exception {
    try (Server taken = server(1)) {
      URI uri = taken.addresses().get(0);
      Server.Builder builder =
          Server.builder()
              .engine(Engine.NATIVE)
              .loops(2)
              .listen("ws://127.0.0.1:0")
              .listen(uri.toString())
              .route("/echo", ECHO);
      assertThatThrownBy(builder::start)
          .isInstanceOf(dev.millrace.ListenException.class)
          .hasMessageContaining(uri.toString())
          .hasMessageContaining("address in use")
          .hasMessageContaining("another port")
          .hasNoSuppressedExceptions();
      // The last of a loop's thread comes behind what it tells.
      Deadline.until(() -> loopThreads() == 1, "the other server's loop alone");
    }
  }

  private static long loopThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("millrace-loop-"))
        .count();
  }
}
