// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.suite.Deadline;
import dev.millrace.suite.Seed;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;

/** The JDK's WebSocket client: sends a payload and compares the echo. */
final class JdkPeer implements WebSocket.Listener {

  private final BlockingQueue<Object> received = new LinkedBlockingQueue<>();
  private final StringBuilder text = new StringBuilder();
  private final ByteArrayOutputStream binary = new ByteArrayOutputStream();

  static void echoAll(URI address, int... sizes) throws Exception {
    echoAll(HttpClient.newHttpClient(), address, sizes);
  }

  static void echoAll(HttpClient client, URI address, int... sizes) throws Exception {
    JdkPeer peer = new JdkPeer();
    WebSocket socket =
        Deadline.await(
            client.newWebSocketBuilder().buildAsync(address, peer), "the JDK's client to connect");
    for (int size : sizes) {
      String text = "a\u00e9\u20ac\ud83d\ude80".repeat(size / 10) + "z".repeat(size % 10);
      Deadline.await(socket.sendText(text, true), "text of " + size + " bytes to be sent");
      assertEquals(text, Deadline.take(peer.received, "text of " + size + " bytes"));
      byte[] bytes = Seed.bytes(Seed.random("jdk " + size), size);
      Deadline.await(
          socket.sendBinary(ByteBuffer.wrap(bytes), true), "binary of " + size + " bytes");
      assertArrayEquals(
          bytes, (byte[]) Deadline.take(peer.received, "binary of " + size + " bytes"));
    }
    Deadline.await(socket.sendClose(WebSocket.NORMAL_CLOSURE, "done"), "the close to be sent");
    assertEquals(WebSocket.NORMAL_CLOSURE, Deadline.take(peer.received, "the close"));
  }

  @Override
  public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
    text.append(data);
    if (last) {
      received.add(text.toString());
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
      received.add(binary.toByteArray());
      binary.reset();
    }
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
    received.add(code);
    return null;
  }

  @Override
  public void onError(WebSocket socket, Throwable error) {
    received.add(error);
  }
}
