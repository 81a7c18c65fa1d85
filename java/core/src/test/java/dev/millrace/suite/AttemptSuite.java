// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.ProtocolRule;
import dev.millrace.SendResult;
import dev.millrace.SocketOptions;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptFailures;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.internal.spi.EngineProvider;
import dev.millrace.internal.spi.LoopCounter;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolException;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What an engine does for a client, before its API judges or chooses anything: sockets that
 * connect, requests and responses, frames in the client's role. Against servers that write every
 * byte that they like.
 */
public abstract class AttemptSuite extends EngineSuite {
  private static final Duration SOON = Duration.ofMillis(100);
  private static final Duration LONG = Duration.ofMinutes(10);
  private static final String RESPONSE =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

  // ---- The fixture.

  private EngineClient client(int loops, Limits limits, ProtocolRule... relaxed) throws Exception {
    EngineProvider provider =
        ServiceLoader.load(EngineProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(found -> found.engine() == engine())
            .findFirst()
            .orElseThrow();
    EngineClient client =
        provider.start(new ClientSpec(loops, limits, Compression.disabled(), Set.of(relaxed)));
    closeLater(() -> client.shutdown(Duration.ZERO));
    return client;
  }

  private EngineClient client(Limits limits, ProtocolRule... relaxed) throws Exception {
    return client(1, limits, relaxed);
  }

  private EngineClient client() throws Exception {
    return client(Limits.defaults());
  }

  private RawServer rawServer() throws IOException {
    return closeLater(RawServer.open());
  }

  private static Dialed dial(EngineClient client, RawServer server) {
    return Dialed.to(client.leastLoaded(), server.address(), LONG, SocketOptions.defaults());
  }

  /** A client's end of a handshake that has come to its answer. */
  private record Answered(Dialed dialed, RawServer.Peer peer) {}

  private Answered answered(EngineClient client, String response) throws Exception {
    RawServer server = rawServer();
    Dialed dialed = dial(client, server).awaitConnected().ask(Dialed.REQUEST);
    RawServer.Peer peer = server.accept();
    assertThat(peer.readRequest()).isEqualTo(Dialed.REQUEST);
    peer.write(response);
    return new Answered(dialed, peer);
  }

  private Answered answered(EngineClient client) throws Exception {
    Answered answered = answered(client, RESPONSE);
    assertThat(answered.dialed.awaitResponse().status()).isEqualTo(101);
    return answered;
  }

  /** The peer of a connection that is open. */
  private RawServer.Peer opened(EngineClient client, Handler handler) throws Exception {
    Answered answered = answered(client);
    answered.dialed.open(handler);
    return answered.peer;
  }

  private static long count(EngineClient client, LoopCounter counter) {
    long[] values = new long[LoopCounter.valueCount()];
    client.readStatistics(0, values);
    return values[counter.ordinal()];
  }

  private static void awaitNoSocket(EngineClient client) {
    Deadline.until(() -> count(client, LoopCounter.CONNECTIONS) == 0, "the sockets to go");
    assertThat(client.connectionCount()).isZero();
  }

  // ---- Connecting.

  @Test
  void connectsAndTellsWhere() throws Exception {
    RawServer server = rawServer();
    Dialed dialed = dial(client(), server).awaitConnected();
    assertThat(dialed.attempt().remote()).isEqualTo(server.address());
    assertThat(dialed.wasToldOutOfTurn()).isFalse();
  }

  private static InetSocketAddress nobody() throws IOException {
    try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return (InetSocketAddress) closed.getLocalSocketAddress();
    }
  }

  @Test
  void whereNobodyListensItIsRefused() throws Exception {
    EngineClient client = client();
    InetSocketAddress nobody = nobody();
    Dialed dialed = Dialed.to(client.leastLoaded(), nobody, LONG, SocketOptions.defaults());
    assertThat(dialed.awaitFailure())
        .isInstanceOf(ConnectException.class)
        .hasMessage("cannot connect: address=" + nobody + ": connection refused: errno=111");
    assertThat(dialed.wasToldOutOfTurn()).isFalse();
    awaitNoSocket(client);
  }

  /** A listener whose queue is full drops what asks to connect. */
  @Test
  void whoDoesNotAnswerIsWaitedForSoLong() throws Exception {
    EngineClient client = client();
    try (ServerSocket full = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      InetSocketAddress address = (InetSocketAddress) full.getLocalSocketAddress();
      List<Dialed> all = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        all.add(Dialed.to(client.leastLoaded(), address, SOON, SocketOptions.defaults()));
      }
      assertThat(all.get(4).awaitFailure())
          .isInstanceOf(SocketTimeoutException.class)
          .hasMessage("cannot connect in time: address=" + address + ", connectTimeout=PT0.1S");
      assertThat(all.get(0).hasFailed()).isFalse();
    }
  }

  @Test
  void aFileThatIsNoneIsTold(@TempDir Path folder) throws Exception {
    EngineClient client = client();
    UnixDomainSocketAddress none = UnixDomainSocketAddress.of(folder.resolve("none"));
    Dialed dialed = Dialed.to(client.leastLoaded(), none, LONG, SocketOptions.defaults());
    assertThat(dialed.awaitFailure())
        .isInstanceOf(ConnectException.class)
        .hasMessage("cannot connect: address=" + none + ": no such file or directory: errno=2");
    assertThat(dialed.wasToldOutOfTurn()).isFalse();
    awaitNoSocket(client);
  }

  @Test
  void buffersAreAsAskedFor() throws Exception {
    SocketOptions options =
        SocketOptions.defaults().withReceiveBufferBytes(8192).withSendBufferBytes(8192);
    RawServer server = rawServer();
    Dialed.to(client().leastLoaded(), server.address(), LONG, options).awaitConnected();
  }

  @Test
  void aCancelledAttemptIsHeardOfNoMore() throws Exception {
    EngineClient client = client(Limits.defaults().withHandshakeTimeout(SOON));
    RawServer server = rawServer();
    Dialed connecting = dial(client, server);
    connecting.cancel();
    connecting.cancel();
    Dialed connected = dial(client, server).awaitConnected();
    connected.cancel();
    Dialed asked = dial(client, server).awaitConnected().ask(Dialed.REQUEST);
    asked.cancel();
    Answered answered = answered(client);
    answered.dialed.cancel();
    answered.peer.expectEnd();
    awaitNoSocket(client);
    // Longer than the handshake may take.
    Dialed later = dial(client, server).awaitConnected();
    later.awaitFailure();
    for (Dialed cancelled : List.of(connecting, connected, asked, answered.dialed)) {
      assertThat(cancelled.hasFailed()).isFalse();
      cancelled.ask(Dialed.REQUEST); // without effect
    }
  }

  @Test
  void loopsTakeTurns() throws Exception {
    EngineClient client = client(3, Limits.defaults());
    Set<ClientLoop> loops = new HashSet<>();
    for (int i = 0; i < 3; i++) {
      loops.add(client.leastLoaded());
    }
    assertThat(loops).hasSize(3);
    RawServer server = rawServer();
    ClientLoop loaded = client.leastLoaded();
    Dialed.to(loaded, server.address(), LONG, SocketOptions.defaults()).awaitConnected();
    for (int i = 0; i < 6; i++) {
      assertThat(client.leastLoaded()).isNotEqualTo(loaded);
    }
  }

  // ---- The response.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u0016\u0003\u0001\u0002",
        "SSH-2.0-OpenSSH_9\r\n",
        "\r\nHTTP/1.1 101 a\r\n\r\n",
        "HTTP/2 101 a\r\n\r\n",
        "HTTP/2.0 101 a\r\n\r\n",
        "HTTP/1.x 101 a\r\n\r\n",
        "HTTP/1.1  101 a\r\n\r\n",
        "HTTP/1.1 10 a\r\n\r\n",
        "HTTP/1.1 1O1 a\r\n\r\n",
        "HTTP/1.1 001 a\r\n\r\n",
        "HTTP/1.1 1011 a\r\n\r\n",
        "HTTP/1.1 101 a\u0001\r\n\r\n",
        "HTTP/1.1 101 a\n\r\n",
        "HTTP/1.1 101 a\r\nA: b\n\r\n",
        "HTTP/1.1 101 a\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 101 a\r\n A: b\r\n\r\n",
        "HTTP/1.1 101 a\r\nA b\r\n\r\n",
        "HTTP/1.1 101 a\r\nA : b\r\n\r\n",
        "HTTP/1.1 101 a\r\n: b\r\n\r\n",
        "HTTP/1.1 101 a\r\nA: b\u0000\r\n\r\n",
        "HTTP/1.1 101 a\r\nA: b\rc\r\n\r\n",
        "HTTP/1.1 100 a\r\n\r\nx",
      })
  void rfc9112_4_aMalformedResponseFailsIt(String response) throws Exception {
    EngineClient client = client();
    Answered answered = answered(client, response);
    assertThat(answered.dialed.awaitFailure())
        .isInstanceOf(ProtocolException.class)
        .hasMessage(AttemptFailures.malformed().getMessage());
    answered.peer.awaitEnd();
    assertThat(answered.dialed.hasResponse()).isFalse();
    assertThat(count(client, LoopCounter.PROTOCOL_ERRORS)).isEqualTo(1);
    awaitNoSocket(client);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 \r\nA:\r\nB: \t \r\n\r\n",
        "HTTP/1.1 999 \u00e9\r\nA: \u00e9\r\n\r\n",
      })
  void rfc9112_4_aResponseIsHandedOn(String response) throws Exception {
    Answered answered = answered(client(), response);
    assertThat(String.join("\r\n", answered.dialed.awaitResponse().lines()) + "\r\n\r\n")
        .isEqualTo(response);
  }

  @Test
  void rfc9110_15_2_interimResponsesAreSkipped() throws Exception {
    String interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";
    Answered answered = answered(client(), interim + RESPONSE);
    assertThat(answered.dialed.awaitResponse().lines().get(0))
        .isEqualTo("HTTP/1.1 101 Switching Protocols");
  }

  /** At each byte: what is read before and behind the cut, the first frame included. */
  @Test
  void aResponseMayBeCutEverywhere() throws Exception {
    EngineClient client = client();
    Recorder recorder = new Recorder();
    String frame = new String(Frame.text("early").unmasked().bytes(), StandardCharsets.ISO_8859_1);
    String all = "HTTP/1.1 100 Continue\r\n\r\n" + RESPONSE + frame;
    for (int cut = 1; cut < all.length(); cut++) {
      Answered answered = answered(client, all.substring(0, cut));
      answered.dialed.awaitTurn();
      answered.peer.write(all.substring(cut));
      assertThat(answered.dialed.awaitResponse().lines()).hasSize(4);
      answered.dialed.open(recorder);
      assertThat(new String(recorder.awaitMessage().payload(), StandardCharsets.US_ASCII))
          .as("cut=%d", cut)
          .isEqualTo("early");
      answered.peer.close();
    }
  }

  @Test
  void aResponseMayComeByteByByte() throws Exception {
    Recorder recorder = new Recorder();
    Answered answered = answered(client(), "");
    for (byte b : RESPONSE.getBytes(StandardCharsets.ISO_8859_1)) {
      answered.peer.write(new byte[] {b});
      answered.dialed.awaitTurn();
    }
    answered.dialed.awaitResponse();
    answered.dialed.open(recorder);
    for (byte b : Frame.text("slow").unmasked().bytes()) {
      answered.peer.write(new byte[] {b});
      answered.dialed.awaitTurn();
    }
    assertThat(recorder.awaitMessage().payload()).isEqualTo("slow".getBytes());
  }

  /** The limit is that of all heads together, interim ones included. */
  @Test
  void aResponseHasItsLimit() throws Exception {
    int most = 4096;
    EngineClient client = client(Limits.defaults().withMaxHeaderBytes(most));
    String fits = "HTTP/1.1 101 a\r\nA: " + "b".repeat(most - 23) + "\r\n\r\n";
    assertThat(fits).hasSize(most);
    assertThat(answered(client, fits).dialed.awaitResponse().status()).isEqualTo(101);
    String longer = fits.replace("A: ", "A: b");
    assertThat(answered(client, longer).dialed.awaitFailure())
        .isInstanceOf(ProtocolException.class);
    String endless = "HTTP/1.1 102 Processing\r\n\r\n".repeat(most / 27 + 1);
    assertThat(answered(client, endless).dialed.awaitFailure())
        .isInstanceOf(ProtocolException.class);
    String fields = "HTTP/1.1 101 a\r\n" + "A: b\r\n".repeat(101) + "\r\n";
    assertThat(answered(client, fields).dialed.awaitFailure())
        .isInstanceOf(ProtocolException.class);
  }

  @Test
  void aResponseHasItsTime() throws Exception {
    EngineClient client = client(Limits.defaults().withHandshakeTimeout(SOON));
    Answered answered = answered(client, RESPONSE.substring(0, 50));
    assertThat(answered.dialed.awaitFailure())
        .isInstanceOf(SocketTimeoutException.class)
        .hasMessageStartingWith("no response in time: address=")
        .hasMessageEndingWith(", handshakeTimeout=PT0.1S");
    answered.peer.expectEnd();
    awaitNoSocket(client);
  }

  @Test
  void anotherRequestFollowsAProxysAnswer() throws Exception {
    Answered answered = answered(client(), "HTTP/1.1 200 Connection established\r\n\r\n");
    assertThat(answered.dialed.awaitResponse().status()).isEqualTo(200);
    answered.dialed.ask(Dialed.REQUEST);
    assertThat(answered.peer.readRequest()).isEqualTo(Dialed.REQUEST);
    answered.peer.write(RESPONSE);
    assertThat(answered.dialed.awaitResponse().status()).isEqualTo(101);
    Recorder recorder = new Recorder();
    answered.dialed.open(recorder);
    answered.peer.write(Frame.text("through").unmasked());
    assertThat(recorder.awaitMessage().payload()).isEqualTo("through".getBytes());
  }

  @Test
  void bytesBehindAProxysAnswerAreNobodys() throws Exception {
    EngineClient client = client();
    Answered answered = answered(client, "HTTP/1.1 200 Connection established\r\n\r\n" + RESPONSE);
    answered.dialed.awaitResponse();
    answered.dialed.ask(Dialed.REQUEST);
    assertThat(answered.dialed.awaitFailure())
        .isInstanceOf(ProtocolException.class)
        .hasMessage(AttemptFailures.malformed().getMessage());
    awaitNoSocket(client);
  }

  /** Where a server may end the connection before it is one. */
  private enum Stage {
    CONNECTED,
    ASKED,
    HALF_ANSWERED,
    HALF_INTERIM;

    String response() {
      return switch (this) {
        case CONNECTED, ASKED -> "";
        case HALF_ANSWERED -> RESPONSE.substring(0, RESPONSE.length() - 1);
        case HALF_INTERIM -> "HTTP/1.1 100 Continue\r\n\r\n";
      };
    }
  }

  private static List<Stage> stages() {
    return List.of(Stage.values());
  }

  private Answered at(Stage stage, EngineClient client) throws Exception {
    if (stage != Stage.CONNECTED) {
      return answered(client, stage.response());
    }
    RawServer server = rawServer();
    return new Answered(dial(client, server).awaitConnected(), server.accept());
  }

  @ParameterizedTest
  @MethodSource("stages")
  void aServerThatEndsItIsTold(Stage stage) throws Exception {
    EngineClient client = client();
    Answered answered = at(stage, client);
    answered.peer.close();
    if (stage == Stage.CONNECTED) {
      answered.dialed.ask(Dialed.REQUEST); // its FIN is seen by whoever reads
    }
    // A FIN before the request was even sent may be seen as what the request meets.
    assertThat(answered.dialed.awaitFailure())
        .isInstanceOf(stage == Stage.CONNECTED ? IOException.class : EOFException.class);
    awaitNoSocket(client);
  }

  @ParameterizedTest
  @MethodSource("stages")
  void aServerThatResetsItIsTold(Stage stage) throws Exception {
    EngineClient client = client();
    Answered answered = at(stage, client);
    answered.dialed.awaitTurn();
    answered.peer.reset();
    if (stage == Stage.CONNECTED) {
      answered.dialed.ask(Dialed.REQUEST);
    }
    assertThat(answered.dialed.awaitFailure())
        .hasMessageStartingWith("the connection broke before the response was complete: ");
    awaitNoSocket(client);
  }

  /** Nobody reads while the answer is judged: what has become of it shows once it is open. */
  @Test
  void aServerThatResetsItOnceItHasAnswered() throws Exception {
    EngineClient client = client();
    Answered answered = answered(client);
    answered.peer.reset();
    Recorder recorder = new Recorder();
    answered.dialed.open(recorder);
    assertThat(recorder.awaitClose().code()).isEqualTo(CloseCode.ABNORMAL_CLOSURE);
    assertThat(recorder.order()).containsExactly("open", "close");
    awaitNoSocket(client);
  }

  /** What nobody reads yet, bytes or a FIN, must not keep the loop awake. */
  @Test
  void aLoopSleepsWhileNobodyReads() throws Exception {
    EngineClient client = client();
    RawServer server = rawServer();
    dial(client, server).awaitConnected();
    server.accept().write("HTTP/1.1 400 early\r\n\r\n").shutdownOutput();
    Answered answered = answered(client);
    answered.peer.write(new byte[100_000]).shutdownOutput();
    Answered asked = answered(client, "HTTP/1.1 1");
    ClientLoop loop = client.leastLoaded();
    assertIdleFor(Duration.ofMillis(200), loop::schedule);
    assertThat(asked.dialed.hasFailed()).isFalse();
    assertThat(answered.dialed.hasFailed()).isFalse();
  }

  // ---- The connection.

  /** The bytes behind the response are a message in the next turn, not within open. */
  @Test
  void whatCameBehindTheResponseIsParsedLater() throws Exception {
    String frame = new String(Frame.text("early").unmasked().bytes(), StandardCharsets.ISO_8859_1);
    Answered answered = answered(client(), RESPONSE + frame);
    answered.dialed.awaitResponse();
    Attempt attempt = answered.dialed.attempt();
    Recorder recorder = new Recorder();
    int within =
        answered.dialed.call(
            () -> {
              attempt.open(recorder, Dialed.HANDSHAKE, null, null);
              return recorder.deliveries();
            });
    assertThat(within).isZero();
    assertThat(recorder.awaitMessage().payload()).isEqualTo("early".getBytes());
    assertThat(recorder.order()).containsExactly("open", "message");
  }

  /** More than one receive brings: some of it is held, and the rest waits in the socket. */
  @Test
  void muchMayComeBehindTheResponse() throws Exception {
    int count = 50;
    byte[] bytes = filled(5000);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(RESPONSE.getBytes(StandardCharsets.ISO_8859_1));
    for (int i = 0; i < count; i++) {
      all.writeBytes(Frame.binary(bytes).unmasked().bytes());
    }
    all.writeBytes(Frame.close(CloseCode.GOING_AWAY, "").unmasked().bytes());
    Answered answered = answered(client(), "");
    answered.peer.write(all.toByteArray()).shutdownOutput();
    answered.dialed.awaitResponse();
    Recorder recorder = new Recorder();
    assertThat(answered.dialed.open(recorder)).isSameAs(recorder.awaitOpen());
    for (int i = 0; i < count; i++) {
      assertThat(recorder.awaitMessage().payload()).isEqualTo(bytes);
    }
    answered.peer.expectClose(CloseCode.GOING_AWAY);
    assertThat(recorder.awaitClose().initiator()).isEqualTo(CloseReason.Initiator.PEER);
  }

  /** A handler that pauses in onOpen is told nothing of what lies behind the response. */
  @Test
  void whatCameBehindTheResponseWaitsForWhoPauses() throws Exception {
    String frame = new String(Frame.text("early").unmasked().bytes(), StandardCharsets.ISO_8859_1);
    Answered answered = answered(client(), RESPONSE + frame);
    answered.dialed.awaitResponse();
    Recorder recorder =
        new Recorder() {
          @Override
          public void onOpen(Connection connection) throws Exception {
            connection.pause();
            super.onOpen(connection);
          }
        };
    Connection connection = answered.dialed.open(recorder);
    answered.peer.write(Frame.text("later").unmasked());
    answered.dialed.awaitTurn();
    assertThat(recorder.deliveries()).isZero();
    connection.resume();
    assertThat(recorder.awaitMessage().payload()).isEqualTo("early".getBytes());
    assertThat(recorder.awaitMessage().payload()).isEqualTo("later".getBytes());
  }

  @Test
  void connectionsAreCounted() throws Exception {
    EngineClient client = client();
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client, recorder);
    assertThat(client.connectionCount()).isEqualTo(1);
    peer.write(Frame.close(CloseCode.NORMAL_CLOSURE, "").unmasked());
    peer.expectClose(CloseCode.NORMAL_CLOSURE);
    peer.close();
    recorder.awaitClose();
    awaitNoSocket(client);
  }

  /** Of every length form, from every source, and the caller's bytes stay what they were. */
  @Test
  void rfc6455_5_3_everyFrameIsMasked() throws Exception {
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client(), recorder);
    Connection connection = recorder.awaitOpen();
    for (int length : new int[] {0, 1, 125, 126, 2047, 2048, 2049, 65_535, 65_536, 300_000}) {
      byte[] bytes = filled(length);
      ByteBuffer heap = ByteBuffer.wrap(bytes.clone());
      ByteBuffer direct = ByteBuffer.allocateDirect(length).put(bytes).flip();
      expectAccepted(connection.send(heap));
      expectAccepted(connection.send(direct));
      expectAccepted(connection.send("x".repeat(length)));
      Lease lease = connection.lease(Math.max(1, length));
      lease.buffer().put(bytes);
      expectAccepted(connection.send(lease));
      for (int i = 0; i < 2; i++) {
        assertThat(peer.expect(Frame.BINARY).payload()).isEqualTo(bytes);
      }
      assertThat(peer.expect(Frame.TEXT).text()).isEqualTo("x".repeat(length));
      assertThat(peer.expect(Frame.BINARY).payload()).isEqualTo(bytes);
      assertThat(heap.array()).isEqualTo(bytes);
      byte[] kept = new byte[length];
      direct.get(0, kept);
      assertThat(kept).isEqualTo(bytes);
    }
  }

  private static void expectAccepted(SendResult result) {
    assertThat(result).isEqualTo(SendResult.ACCEPTED);
  }

  private static byte[] filled(int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) (i * 31 + size);
    }
    return bytes;
  }

  /** A message that is sent on stays readable, and one block may go to several servers. */
  @Test
  void whatOthersSeeIsMaskedInACopy() throws Exception {
    int times = 3;
    CompletableFuture<Boolean> unchanged = new CompletableFuture<>();
    EngineClient client = client(Limits.defaults().withHighWaterMarkBytes(64 << 20));
    for (int length : new int[] {10, 3000, 70_000, 700_000}) {
      byte[] bytes = filled(length);
      Handler handler =
          (connection, message) -> {
            try (Lease lease = message.retain();
                Lease part = message.retain()) {
              for (int i = 0; i < times; i++) {
                connection.send(message);
              }
              connection.send(part.range(1, length - 1));
              connection.flush();
              byte[] after = new byte[length];
              lease.buffer().get(0, after);
              if (!Arrays.equals(message.toByteArray(), bytes) || !Arrays.equals(after, bytes)) {
                unchanged.complete(false);
              }
              connection.send(lease);
            }
          };
      RawServer.Peer peer = opened(client, handler);
      peer.write(Frame.binary(bytes).unmasked());
      Set<Integer> keys = new HashSet<>();
      for (int i = 0; i < times + 2; i++) {
        RawServer.ClientFrame frame = peer.expect(Frame.BINARY);
        keys.add(frame.key());
        assertThat(frame.payload())
            .isEqualTo(i == times ? Arrays.copyOfRange(bytes, 1, length) : bytes);
      }
      assertThat(keys).hasSize(times + 2);
    }
    assertThat(unchanged).isNotDone();
  }

  /** RFC 6455 10.3: nobody may foretell a key; that none comes twice is the least of it. */
  @Test
  void rfc6455_5_3_everyFrameHasItsOwnKey() throws Exception {
    int count = 3000;
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client(), recorder);
    Connection connection = recorder.awaitOpen();
    Set<Integer> keys = new HashSet<>();
    int ones = 0;
    for (int i = 0; i < count; i++) {
      expectAccepted(connection.send("k"));
      int key = peer.expect(Frame.TEXT).key();
      keys.add(key);
      ones += Integer.bitCount(key);
    }
    assertThat(keys.size()).isGreaterThan(count - 10);
    assertThat(ones).isBetween(count * 15, count * 17);
  }

  @Test
  void rfc6455_5_5_controlFramesAreMasked() throws Exception {
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client(), recorder);
    peer.write(Frame.ping("are you there").unmasked());
    assertThat(peer.expect(Frame.PONG).text()).isEqualTo("are you there");
    Connection connection = recorder.awaitOpen();
    connection.webSocket().ping();
    RawServer.ClientFrame ping = peer.expect(Frame.PING);
    peer.write(Frame.of(Frame.PONG, ping.payload()).unmasked());
    Deadline.until(() -> connection.webSocket().roundTripTime().isPresent(), "the round trip");
    connection.close(CloseCode.NORMAL_CLOSURE, "done");
    RawServer.ClientFrame close = peer.expect(Frame.CLOSE);
    assertThat(close.closeCode()).isEqualTo(CloseCode.NORMAL_CLOSURE);
    assertThat(close.payload()).endsWith("done".getBytes());
  }

  @Test
  void rfc6455_5_1_aMaskedFrameIsAnError() throws Exception {
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client(), recorder);
    peer.write(Frame.text("masked"));
    peer.expectClose(CloseCode.PROTOCOL_ERROR);
    peer.close();
    CloseReason reason = recorder.awaitClose();
    assertThat(reason.code()).isEqualTo(CloseCode.PROTOCOL_ERROR);
    assertThat(reason.text()).isEqualTo("the peer sent a masked frame (RFC 6455 5.1)");
    assertThat(recorder.deliveries()).isZero();
  }

  @Test
  void rfc6455_5_1_aMaskedFrameMayBeLetPass() throws Exception {
    Recorder recorder = new Recorder();
    EngineClient client = client(Limits.defaults(), ProtocolRule.MASKED_FRAMES);
    RawServer.Peer peer = opened(client, recorder);
    peer.write(Frame.text("masked"), Frame.text("plain").unmasked());
    assertThat(recorder.awaitMessage().payload()).isEqualTo("masked".getBytes());
    assertThat(recorder.awaitMessage().payload()).isEqualTo("plain".getBytes());
  }

  @Test
  void anEchoOfEveryLengthAndFragments() throws Exception {
    RawServer.Peer peer = opened(client(), ECHO);
    for (int length : new int[] {0, 1, 125, 126, 2048, 5000, 65_535, 65_536, 1_000_000}) {
      byte[] bytes = filled(length);
      peer.write(Frame.binary(bytes).unmasked());
      assertThat(peer.expect(Frame.BINARY).payload()).isEqualTo(bytes);
      peer.write(
          Frame.text("a").unmasked().unfinished(),
          Frame.ping("p").unmasked(),
          Frame.continuation("b".getBytes()).unmasked());
      peer.expect(Frame.PONG);
      peer.expectText("ab");
    }
  }

  @Test
  void aHandlerMayRunOnAnExecutor() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    closeLater(() -> executor.shutdown());
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            super.onMessage(connection, message);
            connection.send(message);
          }
        };
    Answered answered = answered(client());
    answered.dialed.open(recorder, executor);
    for (int length : new int[] {10, 5000, 100_000}) {
      byte[] bytes = filled(length);
      answered.peer.write(Frame.binary(bytes).unmasked());
      assertThat(answered.peer.expect(Frame.BINARY).payload()).isEqualTo(bytes);
      assertThat(recorder.awaitMessage().payload()).isEqualTo(bytes);
    }
  }

  // ---- Closing.

  /** RFC 6455 7.1.1: the client has sent and received Close, and waits for the server's FIN. */
  @Test
  void rfc6455_7_1_1_theServerClosesFirst() throws Exception {
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client(), recorder);
    recorder.awaitOpen().close(CloseCode.NORMAL_CLOSURE, "bye");
    peer.expectClose(CloseCode.NORMAL_CLOSURE);
    assertThat(peer.isSilentFor(100)).isTrue();
    peer.write(Frame.close(CloseCode.NORMAL_CLOSURE, "").unmasked());
    assertThat(peer.isSilentFor(100)).isTrue();
    assertThat(recorder.count("close")).isZero();
    peer.shutdownOutput();
    peer.expectEnd();
    CloseReason reason = recorder.awaitClose();
    assertThat(reason.isNormal()).isTrue();
    assertThat(reason.cause()).isNull();
    assertThat(reason.initiator()).isEqualTo(CloseReason.Initiator.LOCAL);
  }

  @Test
  void rfc6455_7_1_1_theServersCloseIsAnsweredAndItsEndAwaited() throws Exception {
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client(), recorder);
    peer.write(Frame.close(CloseCode.GOING_AWAY, "later").unmasked());
    peer.expectClose(CloseCode.GOING_AWAY);
    assertThat(peer.isSilentFor(100)).isTrue();
    peer.close();
    CloseReason reason = recorder.awaitClose();
    assertThat(reason.code()).isEqualTo(CloseCode.GOING_AWAY);
    assertThat(reason.text()).isEqualTo("later");
    assertThat(reason.initiator()).isEqualTo(CloseReason.Initiator.PEER);
  }

  /** A server that has said goodbye and keeps the socket has it taken away, and that is all. */
  @Test
  void rfc6455_7_1_1_aServerThatDoesNotCloseIsWaitedForSoLong() throws Exception {
    EngineClient client = client(Limits.defaults().withCloseTimeout(SOON));
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client, recorder);
    recorder.awaitOpen().close(CloseCode.NORMAL_CLOSURE, "");
    peer.expectClose(CloseCode.NORMAL_CLOSURE);
    peer.write(Frame.close(CloseCode.NORMAL_CLOSURE, "").unmasked());
    peer.awaitEnd();
    CloseReason reason = recorder.awaitClose();
    assertThat(reason.isNormal()).isTrue();
    assertThat(reason.cause()).isNull();
  }

  @Test
  void rfc6455_7_1_1_aResetBehindBothClosesIsNoFailure() throws Exception {
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client(), recorder);
    recorder.awaitOpen().close(CloseCode.NORMAL_CLOSURE, "");
    peer.expectClose(CloseCode.NORMAL_CLOSURE);
    peer.write(Frame.close(CloseCode.NORMAL_CLOSURE, "").unmasked());
    assertThat(peer.isSilentFor(50)).isTrue();
    peer.reset();
    CloseReason reason = recorder.awaitClose();
    assertThat(reason.isNormal()).isTrue();
    assertThat(reason.cause()).isNull();
  }

  @Test
  void aServerThatNeverAnswersTheCloseIsTimedOut() throws Exception {
    EngineClient client = client(Limits.defaults().withCloseTimeout(SOON));
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client, recorder);
    recorder.awaitOpen().close(CloseCode.NORMAL_CLOSURE, "");
    peer.expectClose(CloseCode.NORMAL_CLOSURE);
    assertThat(recorder.awaitClose().cause()).isInstanceOf(SocketTimeoutException.class);
    peer.awaitEnd();
  }

  @Test
  void aServerThatJustEndsIsAbnormal() throws Exception {
    Recorder recorder = new Recorder();
    opened(client(), recorder).close();
    CloseReason reason = recorder.awaitClose();
    assertThat(reason.code()).isEqualTo(CloseCode.ABNORMAL_CLOSURE);
    assertThat(reason.initiator()).isEqualTo(CloseReason.Initiator.NETWORK);
  }

  // ---- The end of a client.

  @Test
  void theClientsEndTellsEverybody() throws Exception {
    EngineClient client = client(Limits.defaults().withCloseTimeout(LONG));
    RawServer server = rawServer();
    Dialed connected = dial(client, server).awaitConnected();
    Answered asked = answered(client, "");
    Answered waiting = answered(client);
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client, recorder);
    ClientLoop loop = client.leastLoaded();
    CompletableFuture<Void> ended = CompletableFuture.runAsync(() -> client.shutdown(LONG));
    for (Dialed dialed : List.of(connected, asked.dialed, waiting.dialed)) {
      assertThat(dialed.awaitFailure()).hasMessage("the client was closed");
    }
    peer.expectClose(CloseCode.GOING_AWAY);
    Dialed late = dial(client, server);
    assertThat(late.awaitFailure()).hasMessage("the client was closed");
    peer.write(Frame.close(CloseCode.GOING_AWAY, "").unmasked()).shutdownOutput();
    Deadline.await(ended, "the end");
    Deadline.await(client.terminated(), "the end");
    assertThat(recorder.awaitClose().code()).isEqualTo(CloseCode.GOING_AWAY);
    assertThat(loop.execute(() -> {})).isFalse();
    assertThat(client.connectionCount()).isZero();
  }

  @Test
  void theClientsEndAtOnceCutsEverybody() throws Exception {
    EngineClient client = client(Limits.defaults().withCloseTimeout(LONG));
    Answered asked = answered(client, "");
    Recorder recorder = new Recorder();
    RawServer.Peer peer = opened(client, recorder);
    client.shutdown(Duration.ZERO);
    assertThat(asked.dialed.awaitFailure()).hasMessage("the client was closed");
    assertThat(recorder.awaitClose().code()).isIn(CloseCode.ABNORMAL_CLOSURE, CloseCode.GOING_AWAY);
    peer.awaitEnd();
    asked.peer.awaitEnd();
  }

  @Test
  void tasksAndTimersRunOnTheLoop() throws Exception {
    ClientLoop loop = client().leastLoaded();
    CompletableFuture<Boolean> current = new CompletableFuture<>();
    assertThat(loop.execute(() -> current.complete(loop.isCurrent()))).isTrue();
    assertThat(Deadline.await(current, "the task")).isTrue();
    assertThat(loop.isCurrent()).isFalse();
    CompletableFuture<Boolean> late = new CompletableFuture<>();
    assertThat(loop.schedule(() -> late.complete(false), LONG).cancel()).isTrue();
    loop.schedule(() -> late.complete(loop.isCurrent()), Duration.ofMillis(5));
    assertThat(Deadline.await(late, "the timer")).isTrue();
  }
}
