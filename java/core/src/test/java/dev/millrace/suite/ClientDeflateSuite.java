// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Client;
import dev.millrace.CloseCode;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.UpgradeException;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletionStage;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** permessage-deflate (RFC 7692) of a client: what it offers, what it takes for an answer. */
public abstract class ClientDeflateSuite extends ClientEngineSuite {

  private static final String NAME = "permessage-deflate";
  private static final Compression PLAIN = Compression.enabled();
  private static final Compression TAKEOVER = PLAIN.withContextTakeover(true);

  /** The engines of the servers that are talked to. */
  protected List<Engine> servers() {
    return List.of(engine());
  }

  private static String words(Random random, int length) {
    StringBuilder text = new StringBuilder();
    while (text.length() < length) {
      text.append("word").append(random.nextInt(300)).append(' ');
    }
    return text.substring(0, length);
  }

  /** Whatever both sides want: they agree, and every message comes back as it was. */
  @Test
  void withEveryServer() throws Exception {
    Random random = Seed.random("client deflate");
    List<Compression> all =
        List.of(
            PLAIN,
            TAKEOVER,
            TAKEOVER.withServerWindowBits(9).withClientWindowBits(10),
            PLAIN.withServerWindowBits(8).withClientWindowBits(8),
            Compression.disabled());
    for (Engine engine : servers()) {
      for (Compression served : all) {
        Server server =
            start(
                Server.builder()
                    .engine(engine)
                    .loops(1)
                    .listen("ws://127.0.0.1:0")
                    .route("/", ECHO)
                    .compression(served));
        for (Compression wanted : all) {
          Recorder recorder = new Recorder();
          Client client = start(client().compression(wanted));
          Connection connection = connect(client, address(server), recorder);
          for (int length : new int[] {0, 1, 63, 64, 1000, 3000, 70_000, 300_000}) {
            String text = words(random, length);
            assertEquals(SendResult.ACCEPTED, connection.send(text));
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(bytes)));
            assertReceived(recorder, Message.Kind.TEXT, bytes);
            assertReceived(recorder, Message.Kind.BINARY, bytes);
          }
          client.close();
        }
        server.close();
      }
    }
  }

  private static void assertReceived(Recorder recorder, Message.Kind kind, byte[] payload)
      throws Exception {
    Recorder.Received received = recorder.awaitMessage();
    assertEquals(kind, received.kind());
    assertArrayEquals(payload, received.payload());
  }

  // ---- Against a server that does what it is told.

  /** A connection of a client to a raw server, which has answered the offer. */
  private final class Pair {
    final Recorder recorder = new Recorder();
    final String offer;
    final RawServer.Peer peer;
    final Connection connection;

    Pair(Client client, String answer) throws Exception {
      RawServer server = closeLater(RawServer.open());
      CompletionStage<Connection> connecting = client.connect(uri(server), recorder);
      peer = server.accept();
      String request = peer.acceptUpgrade("Sec-WebSocket-Extensions: " + answer);
      offer = RawServer.Peer.field(request, "Sec-WebSocket-Extensions");
      connection = Deadline.await(connecting, "a connection");
    }

    void sendCompressed(int opcode, String hex) throws IOException {
      Frame frame = Frame.of(opcode, HexFormat.of().parseHex(hex));
      peer.write(frame.withReservedBits(4).unmasked());
    }
  }

  private static URI uri(RawServer server) {
    return URI.create("ws://127.0.0.1:" + server.address().getPort() + "/");
  }

  @Test
  void whatIsOfferedAndWhatIsSent() throws Exception {
    String text = words(Seed.random("offer"), 500);
    Pair plain =
        new Pair(
            start(client().compression(PLAIN)),
            NAME + "; server_no_context_takeover; client_no_context_takeover");
    assertEquals(
        NAME + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        plain.offer);
    plain.connection.send(text);
    RawServer.ClientFrame first = plain.peer.expect(Frame.TEXT);
    plain.connection.send(text);
    RawServer.ClientFrame second = plain.peer.expect(Frame.TEXT);
    assertEquals(4, first.reservedBits());
    assertArrayEquals(first.payload(), second.payload());
    assertEquals(text, inflated(new ReferenceInflater(), first));
    plain.connection.send("short");
    assertEquals(0, plain.peer.expect(Frame.TEXT).reservedBits());

    Pair takeover =
        new Pair(start(client().compression(TAKEOVER)), NAME + "; client_max_window_bits=15");
    assertEquals(NAME + "; client_max_window_bits", takeover.offer);
    ReferenceInflater inflater = new ReferenceInflater();
    takeover.connection.send(text);
    first = takeover.peer.expect(Frame.TEXT);
    assertEquals(text, inflated(inflater, first));
    takeover.connection.send(text);
    second = takeover.peer.expect(Frame.TEXT);
    assertEquals(text, inflated(inflater, second));
    assertTrue(second.payload().length < first.payload().length / 4);
  }

  private static String inflated(ReferenceInflater inflater, RawServer.ClientFrame frame) {
    return new String(inflater.message(frame.payload()), StandardCharsets.UTF_8);
  }

  @Test
  void theWindowThatTheServerAsksForIsHonoured() throws Exception {
    Pair pair =
        new Pair(start(client().compression(TAKEOVER)), NAME + "; client_max_window_bits=8");
    ReferenceInflater inflater = new ReferenceInflater();
    for (int i = 0; i < 5; i++) {
      String text = words(Seed.random("window"), 3000);
      pair.connection.send(text);
      assertEquals(text, inflated(inflater, pair.peer.expect(Frame.TEXT)));
    }
    assertTrue(inflater.maxDistance() <= 256, "distance " + inflater.maxDistance());
  }

  @Test
  void whatTheServerSendsIsInflated() throws Exception {
    Pair pair = new Pair(start(client().compression(TAKEOVER)), NAME);
    pair.sendCompressed(Frame.TEXT, "f248cdc9c90700");
    assertReceived(pair.recorder, Message.Kind.TEXT, "Hello".getBytes(StandardCharsets.UTF_8));
    pair.sendCompressed(Frame.BINARY, "f200110000");
    assertReceived(pair.recorder, Message.Kind.BINARY, "Hello".getBytes(StandardCharsets.UTF_8));
    pair.sendCompressed(Frame.TEXT, "00");
    assertReceived(pair.recorder, Message.Kind.TEXT, new byte[0]);
    pair.peer.write(Frame.text("plain").unmasked());
    assertReceived(pair.recorder, Message.Kind.TEXT, "plain".getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void dataThatDoesNotInflateIs1007() throws Exception {
    Pair pair = new Pair(start(client().compression(PLAIN)), NAME + "; server_no_context_takeover");
    pair.sendCompressed(Frame.BINARY, "07");
    pair.peer.expectClose(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
    assertEquals(0, pair.recorder.deliveries());
  }

  @Test
  void aBombIs1009() throws Exception {
    Pair pair = new Pair(start(client().compression(PLAIN)), NAME + "; server_no_context_takeover");
    Deflater deflater = new Deflater(6, true);
    deflater.setInput(new byte[8 << 20]);
    byte[] bomb = new byte[1 << 16];
    int length = deflater.deflate(bomb, 0, bomb.length, Deflater.SYNC_FLUSH) - 4;
    deflater.end();
    Frame frame = Frame.of(Frame.BINARY, Arrays.copyOf(bomb, length));
    pair.peer.write(frame.withReservedBits(4).unmasked());
    pair.peer.expectClose(CloseCode.MESSAGE_TOO_BIG);
    assertEquals(0, pair.recorder.deliveries());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x-unknown",
        "permessage-deflate; x",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate" // without the takeover that it was asked to go without
      })
  void anAnswerThatWasNotOfferedFailsTheConnection(String answer) throws Exception {
    Client client = start(client().compression(PLAIN));
    RawServer server = closeLater(RawServer.open());
    CompletionStage<Connection> connecting = client.connect(uri(server), new Recorder());
    RawServer.Peer peer = server.accept();
    peer.acceptUpgrade("Sec-WebSocket-Extensions: " + answer);
    failureOf(connecting, UpgradeException.class);
    peer.awaitEnd();
  }

  @Test
  void whoIsNotAnsweredIsNotCompressed() throws Exception {
    Client client = start(client().compression(TAKEOVER));
    RawServer server = closeLater(RawServer.open());
    Recorder recorder = new Recorder();
    CompletionStage<Connection> connecting = client.connect(uri(server), recorder);
    RawServer.Peer peer = server.accept();
    peer.acceptUpgrade();
    Connection connection = Deadline.await(connecting, "a connection");
    connection.send("z".repeat(500));
    assertEquals(0, peer.expect(Frame.TEXT).reservedBits());
    peer.write(Frame.of(Frame.TEXT, new byte[1]).withReservedBits(4).unmasked());
    peer.expectClose(CloseCode.PROTOCOL_ERROR);
  }

  @Test
  void whatTheBudgetDoesNotHoldIsOfferedWithoutTakeover() throws Exception {
    long both = (1 << 17) + (1 << 17) + (8 << 10) + (1 << 15) + (8 << 10);
    Client client = start(client().compression(TAKEOVER.withMemoryBudgetBytes(both)));
    String none = "; server_no_context_takeover; client_no_context_takeover";
    Pair first = new Pair(client, NAME);
    Pair second = new Pair(client, NAME + none);
    assertEquals(NAME + "; client_max_window_bits", first.offer);
    assertEquals(NAME + none + "; client_max_window_bits", second.offer);
    first.peer.reset();
    first.recorder.awaitClose();
    assertEquals(first.offer, new Pair(client, NAME + none).offer);
    // Which the server did not agree to, so that it is there for the next.
    assertEquals(first.offer, new Pair(client, NAME).offer);
  }
}
