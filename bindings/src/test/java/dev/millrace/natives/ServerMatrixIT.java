// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.CloseReason;
import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import java.io.BufferedReader;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Our client against servers of others: every class of size, text and binary, byte for byte. */
@Timeout(120)
final class ServerMatrixIT {

  private static final int[] SIZES = {
    0, 1, 125, 126, 127, 1000, 16_384, 65_535, 65_536, 131_073, 1 << 20, 5_000_000
  };

  @BeforeAll
  @Timeout(400)
  static void prepare() throws Exception {
    Peers.prepare();
    Peers.require("/usr/bin/python3", "python3-websockets", "-c", "import websockets");
  }

  @ParameterizedTest(name = "{0}, compressed: {1}")
  @CsvSource({"NATIVE, false", "JAVA, false", "NATIVE, true", "JAVA, true"})
  void nodeWs(Engine engine, boolean compressed) throws Exception {
    assertEchoesAll(engine, compressed, "node", "node-ws-server.mjs");
  }

  @ParameterizedTest(name = "{0}, compressed: {1}")
  @CsvSource({"NATIVE, false", "JAVA, false", "NATIVE, true", "JAVA, true"})
  void pythonWebsockets(Engine engine, boolean compressed) throws Exception {
    assertEchoesAll(engine, compressed, "/usr/bin/python3", "websockets_server.py");
  }

  private static void assertEchoesAll(
      Engine engine, boolean compressed, String program, String script) throws Exception {
    Process server =
        new ProcessBuilder(List.of(program, script, "" + compressed))
            .directory(Peers.prepared().toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader output = server.inputReader(StandardCharsets.UTF_8);
        Client client =
            Client.builder()
                .engine(engine)
                .limits(Limits.defaults().withMaxMessageBytes(16 << 20))
                .compression(compressed ? Compression.enabled() : Compression.disabled())
                .keepHeaders("Sec-WebSocket-Extensions")
                .build()) {
      URI uri = URI.create("ws://127.0.0.1:" + output.readLine() + "/");
      try (BlockingConnection connection = client.open(uri)) {
        assertEquals(
            compressed,
            connection.connection().handshake().header("Sec-WebSocket-Extensions").isPresent());
        for (int size : SIZES) {
          echo(connection, size);
        }
        connection.connection().close();
        CloseReason reason =
            connection.connection().closed().toCompletableFuture().get(10, TimeUnit.SECONDS);
        assertEquals(1000, reason.code());
        assertEquals(CloseReason.Initiator.LOCAL, reason.initiator());
        assertEquals(true, reason.isNormal(), reason::toString);
      }
    } finally {
      server.getOutputStream().close();
      server.waitFor(10, TimeUnit.SECONDS);
      server.destroyForcibly();
    }
  }

  private static void echo(BlockingConnection connection, int size) throws Exception {
    byte[] binary = new byte[size];
    new Random(size).nextBytes(binary);
    String text = "aé€🚀".repeat(size / 10) + "z".repeat(size % 10);
    assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(binary)));
    Message first = connection.receive(Duration.ofSeconds(30)).orElseThrow();
    assertEquals(Message.Kind.BINARY, first.kind());
    assertArrayEquals(binary, first.toByteArray());
    assertEquals(SendResult.ACCEPTED, connection.send(text));
    Message second = connection.receive(Duration.ofSeconds(30)).orElseThrow();
    assertEquals(Message.Kind.TEXT, second.kind());
    assertEquals(text, second.text());
  }
}
