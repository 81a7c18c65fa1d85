// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Client;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.ConnectRequest;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Link;
import dev.millrace.Message;
import dev.millrace.SendException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import dev.millrace.UpgradeException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A client from its first socket to its end, against our servers and against silent ones. */
public abstract class ClientSuite extends ClientEngineSuite {

  private static final int[] LENGTHS = {
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    124,
    125,
    126,
    127,
    1000,
    2047,
    2048,
    2049,
    65_534,
    65_535,
    65_536,
    65_537,
    131_071,
    131_072,
    131_073,
    500_000,
    (1 << 20) - 1,
    1 << 20
  };

  @TempDir private Path directory;

  /** The engines of the servers that are talked to. */
  protected List<Engine> servers() {
    return List.of(engine());
  }

  private Server echo(Engine engine, String address) throws Exception {
    return start(Server.builder().engine(engine).loops(1).listen(address).route("/", ECHO));
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp", "unix"})
  void everyLengthComesBackAsItWas(String transport) throws Exception {
    for (Engine server : servers()) {
      URI at =
          transport.equals("tcp")
              ? address(echo(server, "ws://127.0.0.1:0"))
              : address(echo(server, "ws+unix://" + directory.resolve(server + ".sock")));
      Recorder recorder = new Recorder();
      Connection connection = connect(start(client()), at, recorder);
      Random random = Seed.random("lengths");
      for (int length : LENGTHS) {
        byte[] binary = Seed.bytes(random, length);
        String text = new String(new char[length]).replace('\0', (char) ('a' + length % 26));
        assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(binary)));
        assertReceived(recorder, Message.Kind.BINARY, binary);
        assertEquals(SendResult.ACCEPTED, connection.send(text));
        assertReceived(recorder, Message.Kind.TEXT, text.getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  private static void assertReceived(Recorder recorder, Message.Kind kind, byte[] payload)
      throws Exception {
    Recorder.Received received = recorder.awaitMessage();
    assertEquals(kind, received.kind());
    assertArrayEquals(payload, received.payload());
  }

  /** Masking must not show: in what the caller gave, nor in what was received and goes on. */
  @ParameterizedTest
  @ValueSource(ints = {1, 125, 2048, 2049, 70_000, 1 << 20})
  void whatIsSentIsGivenBackUnchanged(int length) throws Exception {
    Server server = startEcho();
    byte[] payload = Seed.bytes(Seed.random("unchanged " + length), length);
    Recorder others = new Recorder();
    Limits roomy = Limits.defaults().withHighWaterMarkBytes(16 << 20);
    Client client = start(client().limits(roomy));
    Connection second = connect(client, address(server), others);
    Connection third = connect(client, address(server), others);
    CompletableFuture<byte[]> afterwards = new CompletableFuture<>();
    Connection first =
        connect(
            client,
            address(server),
            (connection, message) -> {
              Lease kept = message.retain();
              Lease keptToo = message.retain();
              second.send(message);
              third.send(message);
              second.send(kept);
              second.flush();
              byte[] after = new byte[keptToo.length()];
              keptToo.buffer().get(keptToo.offset(), after);
              assertArrayEquals(payload, message.toByteArray());
              connection.execute(
                  () -> {
                    third.send(keptToo);
                    afterwards.complete(after);
                  });
            });
    ByteBuffer heap = ByteBuffer.wrap(payload.clone());
    ByteBuffer direct = ByteBuffer.allocateDirect(length).put(payload).flip();
    first.send(heap);
    assertArrayEquals(payload, Deadline.await(afterwards, "the message"));
    assertArrayEquals(payload, heap.array());
    for (int i = 0; i < 4; i++) {
      assertReceived(others, Message.Kind.BINARY, payload);
    }
    second.send(direct);
    assertReceived(others, Message.Kind.BINARY, payload);
    byte[] given = new byte[length];
    direct.get(0, given);
    assertArrayEquals(payload, given);
    assertEquals(0, direct.position());
  }

  @Test
  void leasesAndManySendsInOrder() throws Exception {
    Server server = startEcho();
    Recorder recorder = new Recorder();
    Connection connection = connect(start(client()), address(server), recorder);
    for (int i = 0; i < 1000; i++) {
      Lease lease = connection.lease(100 + i);
      lease.buffer().put(Stamp.of(1, 2, i, 88 + i));
      assertEquals(SendResult.ACCEPTED, connection.send(lease));
    }
    for (int i = 0; i < 1000; i++) {
      assertArrayEquals(Stamp.of(1, 2, i, 88 + i), recorder.awaitMessage().payload());
    }
  }

  /** If each side waited for the other to read, both would for ever. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whoFloodsAnEchoStillReads(boolean onExecutor) throws Exception {
    Server server = startEcho();
    ExecutorService pool = Executors.newSingleThreadExecutor();
    closeLater(pool::shutdownNow);
    Client.Builder builder = client();
    if (onExecutor) {
      builder.executor(HandlerExecutor.of(pool));
    }
    AtomicInteger received = new AtomicInteger();
    Connection connection =
        connect(start(builder), address(server), (c, message) -> received.incrementAndGet());
    ByteBuffer payload = ByteBuffer.allocate(50_000);
    AtomicInteger sent = new AtomicInteger();
    connection.pause();
    Deadline.until(
        () -> {
          boolean accepted = connection.send(payload.duplicate()) == SendResult.ACCEPTED;
          sent.addAndGet(accepted ? 1 : 0);
          return !accepted && server.statistics().get(0).readsStopped() > 0;
        },
        "both queues to be full");
    connection.resume();
    Deadline.until(() -> received.get() == sent.get(), "every echo");
  }

  @Test
  void sendAsyncAndSendAll() throws Exception {
    Recorder recorder = new Recorder();
    Connection connection = connect(start(client()), address(startEcho()), recorder);
    Deadline.await(connection.sendAsync("one"), "sendAsync");
    List<Lease> leases = new ArrayList<>();
    for (String text : new String[] {"two", "three"}) {
      Lease lease = connection.lease(8);
      lease.buffer().put(text.getBytes(StandardCharsets.UTF_8));
      leases.add(lease);
    }
    assertEquals(SendResult.ACCEPTED, connection.sendAll(leases));
    for (String text : new String[] {"one", "two", "three"}) {
      assertEquals(text, new String(recorder.awaitMessage().payload(), StandardCharsets.UTF_8));
    }
  }

  @Test
  void theHandshakeTellsWhatWasAgreedOn() throws Exception {
    Recorder recorder = new Recorder();
    Server server =
        start(
            server()
                .route("/rooms/{room}", recorder)
                .onUpgrade(
                    request ->
                        Upgrade.accept()
                            .subprotocol(request.subprotocols().get(1))
                            .header("X-Seen", request.header("X-Said").orElse("nothing"))));
    Client client = start(client().keepHeaders("x-seen"));
    ConnectRequest request =
        ConnectRequest.to(address(server).resolve("/rooms/a%20b?c=d"))
            .withHeader("X-Said", "héllo")
            .withSubprotocols("v2", "v1");
    Connection connection = Deadline.await(client.connect(request, new Recorder()), "a connection");

    assertEquals("/rooms/a%20b", connection.handshake().path());
    assertEquals("c=d", connection.handshake().query().orElseThrow());
    assertEquals("v1", connection.webSocket().subprotocol().orElseThrow());
    assertEquals("héllo", connection.handshake().header("X-Seen").orElseThrow());
    assertEquals(
        "127.0.0.1:" + address(server).getPort(),
        connection.handshake().remoteAddress().toString().substring(1));
    Connection served = recorder.awaitOpen();
    assertEquals("a b", served.handshake().parameter("room"));
    assertEquals("v1", served.handshake().subprotocol().orElseThrow());
  }

  @Test
  void unixSocketsHaveTheirAddress() throws Exception {
    Path socket = directory.resolve("s");
    echo(engine(), "ws+unix://" + socket);
    URI uri = URI.create("ws+unix://" + socket + ":/");
    Connection connection = connect(start(client()), uri, new Recorder());

    assertEquals(UnixDomainSocketAddress.of(socket), connection.handshake().remoteAddress());
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 1001, 3000, 4999})
  void closedByThisSide(int code) throws Exception {
    Recorder served = new Recorder();
    Server server = start(server().route("/", served));
    Recorder recorder = new Recorder();
    Connection connection = connect(start(client()), address(server), recorder);
    connection.send("before");
    connection.close(code, "a reason");

    assertEquals(new CloseReason(code, "a reason", Initiator.PEER, null), served.awaitClose());
    assertEquals(new CloseReason(code, "a reason", Initiator.LOCAL, null), recorder.awaitClose());
    assertEquals(List.of("open", "message", "close"), served.order());
    assertEquals(SendResult.CLOSED, connection.send("behind"));
    assertFalse(connection.isOpen());
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 1011, 4000})
  void closedByTheServer(int code) throws Exception {
    Recorder served = new Recorder();
    Server server = start(server().route("/", served));
    Recorder recorder = new Recorder();
    connect(start(client()), address(server), recorder);
    Connection ours = served.awaitOpen();
    ours.send("before");
    ours.close(code, "a reason");

    assertEquals(new CloseReason(code, "a reason", Initiator.PEER, null), recorder.awaitClose());
    assertEquals(new CloseReason(code, "a reason", Initiator.LOCAL, null), served.awaitClose());
    assertEquals(List.of("open", "message", "close"), recorder.order());
  }

  /** RFC 6455 7.1.1: the server closes the TCP connection first. */
  @Test
  void rfc6455_7_1_1_theClientWaitsForTheServersEnd() throws Exception {
    ScriptedServer server = scripted();
    Recorder recorder = new Recorder();
    CompletionStage<Connection> opening = start(client()).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.upgrade();
    Connection connection = Deadline.await(opening, "the connection");
    connection.close();
    accepted.expectClose(1000);
    accepted.write(Frame.text("still allowed"), Frame.close(1000, ""));
    awaitTurn(connection);
    assertEquals(0, recorder.count("close"), "the client ended before the server did");
    accepted.shutdownOutput();
    accepted.expectEnd();

    assertEquals(new CloseReason(1000, "", Initiator.LOCAL, null), recorder.awaitClose());
  }

  /**
   * A server that refuses a long message sends Close, takes no more, and resets: its Close lies in
   * the client's socket when the next send fails.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theServersCloseIsNotLostBehindABrokenPipe(boolean afterItsFin) throws Exception {
    ScriptedServer server = scripted();
    Recorder recorder = new Recorder();
    Limits roomy = Limits.defaults().withHighWaterMarkBytes(32 << 20);
    CompletionStage<Connection> opening =
        start(client().limits(roomy)).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.upgrade();
    Connection connection = Deadline.await(opening, "the connection");
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch gone = new CountDownLatch(1);
    List<CompletionStage<Void>> sends = new ArrayList<>();
    CompletableFuture<Void> sent = new CompletableFuture<>();
    connection.execute(
        () -> {
          try {
            held.countDown(); // the loop receives nothing until it has sent
            Deadline.await(gone, "the server's end");
            for (int i = 0; i < 16; i++) {
              sends.add(connection.sendAsync(ByteBuffer.allocate(1 << 20)));
            }
            sent.complete(null);
          } catch (Throwable t) {
            sent.completeExceptionally(t);
          }
        });
    Deadline.await(held, "the loop");
    accepted.write(Frame.text("before"), Frame.close(1009, "too long"));
    if (afterItsFin) {
      accepted.shutdownOutput();
    }
    accepted.reset();
    gone.countDown();
    Deadline.await(sent, "the sends");

    assertEquals(new CloseReason(1009, "too long", Initiator.PEER, null), recorder.awaitClose());
    assertEquals(List.of("open", "message", "close"), recorder.order());
    for (CompletionStage<Void> send : sends) {
      assertInstanceOf(SendException.class, failureOf(send));
    }
  }

  @Test
  void aServerThatDoesNotAnswerACloseIsLeftInTime() throws Exception {
    ScriptedServer server = scripted();
    Recorder recorder = new Recorder();
    Limits limits = Limits.defaults().withCloseTimeout(Duration.ofMillis(200));
    CompletionStage<Connection> opening =
        start(client().limits(limits)).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.upgrade();
    Elapsed elapsed = Elapsed.begin();
    Deadline.await(opening, "the connection").close();
    accepted.expectClose(1000);
    CloseReason reason = recorder.awaitClose();

    elapsed.assertNotBefore(Duration.ofMillis(200), "the end");
    assertFalse(reason.isNormal(), reason::toString);
    accepted.expectGone();
  }

  @Test
  void nobodyListens() throws Exception {
    ScriptedServer server = scripted();
    server.close();
    Throwable failure = failureOf(start(client()).connect(server.uri(), new Recorder()));

    ConnectException refused = assertInstanceOf(ConnectException.class, failure);
    assertTrue(refused.getMessage().contains("refused"), refused::getMessage);
    assertTrue(refused.getMessage().contains("127.0.0.1:" + server.port()), refused::getMessage);
  }

  @Test
  void noSuchSocketFile() throws Exception {
    URI uri = URI.create("ws+unix://" + directory.resolve("none") + ":/");
    IOException failure =
        failureOf(start(client()).connect(uri, new Recorder()), IOException.class);

    assertTrue(failure.getMessage().contains("none"), failure::getMessage);
  }

  @Test
  void unknownHost() throws Exception {
    failureOf(
        start(client()).connect(URI.create("ws://no-such-host.invalid:1/"), new Recorder()),
        UnknownHostException.class);
  }

  @Test
  void aNameOfSeveralAddressesReachesTheOneThatListens() throws Exception {
    Server server = startEcho();
    URI uri = URI.create("ws://localhost:" + address(server).getPort() + "/");
    Recorder recorder = new Recorder();
    connect(start(client()), uri, recorder).send("x");

    assertReceived(recorder, Message.Kind.TEXT, new byte[] {'x'});
  }

  /** A queue of accepted sockets that is full drops SYNs, as a host that is not there does. */
  @Test
  void aSocketThatDoesNotConnectFailsInTime() throws Exception {
    List<Socket> fill = new ArrayList<>();
    try (ScriptedServer server = ScriptedServer.start(InetAddress.getByName("127.0.0.1"), 1)) {
      for (int i = 0; i < 2; i++) {
        fill.add(new Socket("127.0.0.1", server.port()));
      }
      Duration timeout = Duration.ofMillis(300);
      Client client = start(client().connectTimeout(timeout));
      Elapsed elapsed = Elapsed.begin();
      SocketTimeoutException late =
          failureOf(client.connect(server.uri(), new Recorder()), SocketTimeoutException.class);
      elapsed.assertNotBefore(timeout, "the failure");

      assertTrue(
          late.getMessage().startsWith("connecting took too long: to=ws://127.0.0.1:"),
          late::getMessage);
    } finally {
      for (Socket socket : fill) {
        socket.close();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "HTTP/1.1 101 Swi"})
  void aServerThatDoesNotAnswerFailsInTime(String answer) throws Exception {
    ScriptedServer server = scripted();
    Duration timeout = Duration.ofMillis(200);
    Limits limits = Limits.defaults().withHandshakeTimeout(timeout);
    Elapsed elapsed = Elapsed.begin();
    CompletionStage<Connection> opening =
        start(client().limits(limits)).connect(server.uri(), new Recorder());
    ScriptedServer.Accepted accepted = server.accept();
    accepted.readRequest();
    accepted.write(answer);
    SocketTimeoutException late = failureOf(opening, SocketTimeoutException.class);

    elapsed.assertNotBefore(timeout, "the failure");
    assertTrue(late.getMessage().contains("handshakeTimeout=PT0.2S"), late::getMessage);
    accepted.expectGone();
  }

  @Test
  void theEndsOfAServerDuringTheHandshake() throws Exception {
    ScriptedServer server = scripted();
    Client client = start(client());
    for (int i = 0; i < 4; i++) {
      CompletionStage<Connection> opening = client.connect(server.uri(), new Recorder());
      ScriptedServer.Accepted accepted = server.accept();
      if (i >= 2) {
        accepted.readRequest();
        accepted.write("HTTP/1.1 101");
      }
      if (i % 2 == 0) {
        accepted.shutdownOutput();
      } else {
        accepted.readRequestIfAny();
        accepted.reset();
      }
      assertNotNull(failureOf(opening, IOException.class).getMessage());
    }
    awaitNoConnections(client);
  }

  @Test
  void framesBehindTheAnswerAreMessages() throws Exception {
    ScriptedServer server = scripted();
    Recorder recorder = new Recorder();
    CompletionStage<Connection> opening = start(client()).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.accept();
    accepted.readRequest();
    byte[] frames = Frame.turned(RawClient.bytesOf(Frame.text("early"), Frame.ping("p")));
    accepted.write(Frame.join(accepted.accepting().getBytes(StandardCharsets.ISO_8859_1), frames));
    Deadline.await(opening, "the connection");

    assertReceived(recorder, Message.Kind.TEXT, "early".getBytes(StandardCharsets.UTF_8));
    accepted.expectPong("p");
    assertEquals(List.of("open", "message"), recorder.order());
  }

  @Test
  void whatOnOpenSendsGoesFirst() throws Exception {
    ScriptedServer server = scripted();
    Recorder recorder =
        new Recorder() {
          @Override
          public void onOpen(Connection connection) throws Exception {
            super.onOpen(connection);
            connection.send("first");
          }
        };
    CompletionStage<Connection> opening = start(client()).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.upgrade();
    accepted.expectText("first");
    Deadline.await(opening, "the connection").send("second");
    accepted.expectText("second");
  }

  @Test
  void anOnOpenThatThrowsClosesWith1011() throws Exception {
    muteLog();
    Recorder served = new Recorder();
    Server server = start(server().route("/", served));
    Recorder recorder =
        new Recorder() {
          @Override
          public void onOpen(Connection connection) throws Exception {
            super.onOpen(connection);
            throw new IllegalStateException("planted");
          }
        };
    Link link = start(client()).link(ConnectRequest.to(address(server)), recorder);
    CloseReason reason = Deadline.await(link.ended(), "the end");

    assertEquals(1011, reason.code());
    assertEquals("planted", reason.cause().getMessage());
    assertEquals(1011, served.awaitClose().code());
    assertEquals(List.of("open", "error", "close"), recorder.order());
  }

  @Test
  void pingsAreAnsweredAndTheRoundTripIsMeasured() throws Exception {
    Recorder served = new Recorder();
    Server server = start(server().route("/", served));
    Connection connection = connect(start(client()), address(server), new Recorder());
    Connection ours = served.awaitOpen();
    ours.webSocket().ping();
    connection.webSocket().ping();

    Deadline.until(() -> ours.webSocket().roundTripTime().isPresent(), "the server's round trip");
    Deadline.until(
        () -> connection.webSocket().roundTripTime().isPresent(), "the client's round trip");
  }

  @Test
  void aServerThatIsSilentIsPingedAndLeft() throws Exception {
    ScriptedServer server = scripted();
    Limits limits =
        Limits.defaults()
            .withPingInterval(Duration.ofMillis(50))
            .withPongTimeout(Duration.ofMillis(100))
            .withCloseTimeout(Duration.ofMillis(100));
    Recorder recorder = new Recorder();
    CompletionStage<Connection> opening =
        start(client().limits(limits)).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.upgrade();
    Deadline.await(opening, "the connection");
    assertEquals(Frame.PING, accepted.readFrame().opcode());

    assertFalse(recorder.awaitClose().isNormal());
  }

  @Test
  void messagesOverTheLimitAreRefused() throws Exception {
    Recorder served = new Recorder();
    Server server = start(server().route("/", served));
    Recorder recorder = new Recorder();
    Limits limits = Limits.defaults().withMaxMessageBytes(1000);
    connect(start(client().limits(limits)), address(server), recorder);
    Connection ours = served.awaitOpen();
    ours.send(ByteBuffer.allocate(1000));
    ours.send(ByteBuffer.allocate(1001));

    CloseReason reason = recorder.awaitClose();
    assertEquals(1009, reason.code());
    assertEquals(Initiator.LOCAL, reason.initiator());
    assertEquals(1009, served.awaitClose().code());
    assertEquals(1, recorder.deliveries());
  }

  @Test
  void handlersRunOnAnExecutor() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor(task -> new Thread(task, "own"));
    closeLater(executor::shutdownNow);
    List<String> threads = java.util.Collections.synchronizedList(new ArrayList<>());
    Recorder recorder =
        new Recorder() {
          @Override
          public void onOpen(Connection connection) throws Exception {
            threads.add(Thread.currentThread().getName());
            super.onOpen(connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            threads.add(Thread.currentThread().getName());
            super.onMessage(connection, message);
          }
        };
    Client client = start(client().executor(HandlerExecutor.of(executor)));
    Connection connection = connect(client, address(startEcho()), recorder);
    connection.send("x");
    recorder.awaitMessage();
    connection.close();
    recorder.awaitClose();

    assertEquals(List.of("own", "own"), threads);
    assertEquals(List.of("open", "message", "close"), recorder.order());
  }

  @Test
  void anExecutorThatTakesNothingEndsTheLink() throws Exception {
    muteLog();
    Server server = startEcho();
    HandlerExecutor none =
        HandlerExecutor.of(
            task -> {
              throw new RejectedExecutionException("planted");
            });
    Client client = start(client().executor(none));
    Link link = client.link(ConnectRequest.to(address(server)), new Recorder());

    assertEquals(1013, Deadline.await(link.ended(), "the end").code());
    awaitNoConnections(client);
  }

  @Test
  void refusalsHaveTheirStatus() throws Exception {
    Server server =
        start(server().route("/", ECHO).onUpgrade(request -> Upgrade.reject(401, "who are you?")));
    Client client = start(client());
    UpgradeException refused =
        failureOf(client.connect(address(server), new Recorder()), UpgradeException.class);
    UpgradeException nothing =
        failureOf(
            client.connect(address(server).resolve("/nothing"), new Recorder()),
            UpgradeException.class);

    assertEquals(401, refused.status());
    assertEquals(404, nothing.status());
    awaitNoConnections(server);
  }

  // ---- The end of a client, at whatever moment.

  @Test
  void closeSendsGoingAwayAndWaits() throws Exception {
    Recorder served = new Recorder();
    Server server = start(server().route("/", served));
    Client client = client().build();
    Recorder recorder = new Recorder();
    Link link = client.link(ConnectRequest.to(address(server)), recorder);
    Deadline.await(link.opened(), "the connection");
    client.close();

    assertEquals(List.of("open", "close"), recorder.order());
    assertEquals(1001, recorder.awaitClose().code());
    assertEquals(1001, Deadline.await(link.ended(), "the end").code());
    assertEquals(new CloseReason(1001, "", Initiator.PEER, null), served.awaitClose());
    assertEquals(0, client.connectionCount());
    client.close();
  }

  @Test
  void aClosedClientTakesNothing() throws Exception {
    Client client = client().build();
    client.close();

    URI uri = URI.create("ws://127.0.0.1:1/");
    assertThrows(IllegalStateException.class, () -> client.connect(uri, new Recorder()));
    assertThrows(
        IllegalStateException.class, () -> client.link(ConnectRequest.to(uri), new Recorder()));
    assertThrows(IllegalStateException.class, () -> client.open(uri));
  }

  enum Stage {
    CONNECTING,
    ASKED,
    ANSWERED_IN_PART,
    NAMED
  }

  @ParameterizedTest
  @EnumSource(Stage.class)
  void closeFailsWhatIsNotOpenYet(Stage stage) throws Exception {
    ScriptedServer server = scripted();
    Client client = client().build();
    URI uri = stage == Stage.NAMED ? URI.create("ws://no-such-host.invalid:1/") : server.uri();
    Link link = client.link(ConnectRequest.to(uri), new Recorder());
    ScriptedServer.Accepted accepted = null;
    if (stage == Stage.ASKED || stage == Stage.ANSWERED_IN_PART) {
      accepted = server.accept();
      accepted.readRequest();
      if (stage == Stage.ANSWERED_IN_PART) {
        accepted.write("HTTP/1.1 101 Switching");
      }
    }
    client.close();

    assertTrue(link.opened().toCompletableFuture().isDone(), "opened() is left open");
    assertTrue(link.ended().toCompletableFuture().isDone(), "ended() is left open");
    failureOf(link.opened(), IOException.class);
    if (accepted != null) {
      accepted.expectGone();
    }
  }

  @Test
  void closeFromAHandlerDoesNotWaitForItself() throws Exception {
    Server server = startEcho();
    Client client = client().build();
    Recorder recorder =
        new Recorder() {
          @Override
          public void onOpen(Connection connection) throws Exception {
            super.onOpen(connection);
            client.close();
          }
        };
    client.connect(address(server), recorder);

    assertEquals(1001, recorder.awaitClose().code());
    client.close();
  }

  @Test
  void aLinkThatIsClosedAtAnyMomentLeavesNothing() throws Exception {
    Server server = startEcho();
    Client client = start(client());
    Random random = Seed.random("moments");
    List<Link> links = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      Link link = client.link(ConnectRequest.to(address(server)), new Recorder());
      links.add(link);
      long spin = System.nanoTime() + random.nextInt(400_000);
      while (System.nanoTime() < spin) {
        Thread.onSpinWait();
      }
      link.close();
    }
    for (Link link : links) {
      Deadline.await(link.ended().handle((reason, failure) -> true), "the end of a link");
      assertTrue(link.connection().isEmpty());
      assertEquals(Link.State.ENDED, link.status().state());
    }
    awaitNoConnections(client);
    awaitNoConnections(server);
  }

  @Test
  void manyConnectionsOnSeveralLoops() throws Exception {
    Server server = startEcho();
    Client client = start(client().loops(3));
    List<CompletionStage<Connection>> opening = new ArrayList<>();
    Recorder recorder = new Recorder();
    for (int i = 0; i < 300; i++) {
      opening.add(client.connect(address(server), recorder));
    }
    for (CompletionStage<Connection> each : opening) {
      Deadline.await(each, "a connection").send("x");
    }
    for (int i = 0; i < 300; i++) {
      recorder.awaitMessage();
    }

    assertEquals(300, client.connectionCount());
    assertEquals(3, client.statistics().size());
    client.statistics().forEach(loop -> assertTrue(loop.connections() > 0, loop::toString));
  }
}
