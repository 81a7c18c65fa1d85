// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.ListenException;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Servers that start, fail to start, end, and are shot at meanwhile. */
public abstract class LifecycleSuite extends EngineSuite {

  private static final int STORM_SENDERS = 8;
  private static final int STORM_PEERS = 4;

  /** A peer's connections follow one another through slots that are its own. */
  private static final int SLOTS_EACH = 6;

  private final Recorder recorder = new Recorder();

  @Test
  void portZeroIsAnyFreePortAndIsTold() throws Exception {
    Server first = startEcho();
    Server second = startEcho();
    assertTrue(address(first).getPort() > 0);
    assertTrue(address(first).getPort() != address(second).getPort());
    assertEquals("ws://127.0.0.1:" + address(first).getPort(), address(first).toString());
    assertEquals(engine(), first.engine());
    connect(first).write(Frame.text("one")).expectText("one");
    connect(second).write(Frame.text("two")).expectText("two");
  }

  @Test
  void takenPortIsOneSentenceAndLeavesNothing() throws Exception {
    Server other = startEcho();
    String taken = "ws://127.0.0.1:" + address(other).getPort();
    int free = freePort();
    ListenException thrown =
        assertThrows(
            ListenException.class,
            () -> server().listen("ws://127.0.0.1:" + free).listen(taken).loops(2).start());
    assertEquals(URI.create(taken), thrown.address());
    String sentence = thrown.getMessage();
    assertTrue(sentence.contains(taken), sentence);
    assertTrue(sentence.contains("in use"), sentence);
    assertFalse(sentence.contains("\n"), sentence);
    try (ServerSocket again = new ServerSocket(free, 1, InetAddress.getByName("127.0.0.1"))) {
      assertEquals(free, again.getLocalPort());
    }
    Deadline.until(() -> loopThreads().size() == 1, "the end of the loops that failed to start");
    connect(other).write(Frame.text("unharmed")).expectText("unharmed");
  }

  private static int freePort() throws Exception {
    try (ServerSocket any = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return any.getLocalPort();
    }
  }

  private static Set<String> loopThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("millrace-loop"))
        .collect(Collectors.toSet());
  }

  @Test
  void severalListenersServeTheSameRoutes(@TempDir Path directory) throws Exception {
    Path socket = directory.resolve("echo.sock");
    Server server =
        start(
            server()
                .loops(2)
                .listen("ws://127.0.0.1:0")
                .listen("ws+unix://" + socket)
                .route("/", ECHO)
                .route("/who", recorder));
    List<URI> addresses = server.addresses();
    assertEquals(3, addresses.size());
    assertEquals(URI.create("ws+unix://" + socket), addresses.get(2));
    for (URI address : addresses) {
      RawClient client = closeLater(RawClient.connect(address, "/"));
      byte[] large = Seed.bytes(Seed.random("listener " + address.getScheme()), 900_000);
      CompletableFuture<Void> writing =
          client.writeMeanwhile(RawClient.bytesOf(Frame.text("small"), Frame.binary(large)));
      client.expectText("small");
      client.expectBinary(large);
      Deadline.await(writing, "the write");
      client.write(Frame.close(1000, ""));
      client.expectCloseAndEnd(1000);
    }
    closeLater(RawClient.connect(addresses.get(2), "/who"));
    Connection local = recorder.awaitOpen();
    assertTrue(local.handshake().remoteAddress() instanceof UnixDomainSocketAddress);
    server.shutdown(Duration.ofMillis(100)); // one client is still there
    assertFalse(Files.exists(socket), "the socket file goes with its server");
  }

  @Test
  void unixPathThatCannotBeBoundIsOneSentence(@TempDir Path directory) throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    for (Path path :
        List.of(
            directory.resolve("missing").resolve("echo.sock"),
            file.resolve("echo.sock"),
            directory)) {
      String address = "ws+unix://" + path;
      ListenException thrown =
          assertThrows(
              ListenException.class, () -> server().listen(address).route("/", ECHO).start());
      assertTrue(thrown.getMessage().contains(path.toString()), thrown.getMessage());
      assertFalse(thrown.getMessage().contains("\n"), thrown.getMessage());
    }
    assertTrue(Files.isRegularFile(file), "what is no socket is not removed");
    assertTrue(Files.isDirectory(directory));
    assertThrows(
        IllegalArgumentException.class, () -> server().listen("ws+unix:///" + "p".repeat(108)));
  }

  @Test
  void unixPathOfALiveServerIsNotTakenFromIt(@TempDir Path directory) throws Exception {
    String address = "ws+unix://" + directory.resolve("echo.sock");
    Server first = start(server().listen(address).route("/", ECHO));
    assertThrows(ListenException.class, () -> server().listen(address).route("/", ECHO).start());
    RawClient client = closeLater(RawClient.connect(first.addresses().get(1), "/"));
    client.write(Frame.text("still here"));
    client.expectText("still here");
  }

  @Test
  void samePortCanBeListenedOnAgainAtOnce() throws Exception {
    Server first = startEcho();
    String address = address(first).toString();
    RawClient client = connect(first);
    client.write(Frame.text("first")).expectText("first");
    first.shutdown(Duration.ofMillis(100));
    client.expectCloseAndEnd(CloseCode.GOING_AWAY);
    for (int i = 0; i < 5; i++) {
      Server again =
          Server.builder().engine(engine()).loops(2).listen(address).route("/", ECHO).start();
      try (again) {
        RawClient next = RawClient.connect(URI.create(address), "/");
        next.write(Frame.text("again")).expectText("again");
        next.close();
      }
    }
  }

  @Test
  void rfc6455_7_4_1_shutdownSaysGoingAwayBehindWhatWasSent() throws Exception {
    Recorder echoing =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            super.onMessage(connection, message);
            ECHO.onMessage(connection, message);
          }
        };
    Server server = start(server().loops(2).route("/", echoing));
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      RawClient client = connect(server);
      client.write(Frame.text("message " + i));
      clients.add(client);
      echoing.awaitMessage();
    }
    Task shutdown = Task.start("shutdown", () -> server.shutdown(Duration.ofSeconds(5)));
    for (int i = 0; i < 10; i++) {
      clients.get(i).expectText("message " + i);
      clients.get(i).expectCloseAndEnd(CloseCode.GOING_AWAY);
      clients.get(i).close();
    }
    shutdown.join();
    for (int i = 0; i < 10; i++) {
      CloseReason reason = echoing.awaitClose();
      assertEquals(CloseCode.GOING_AWAY, reason.code());
      assertEquals(Initiator.LOCAL, reason.initiator());
    }
    assertEquals(0, server.connectionCount());
    assertTrue(server.terminated().toCompletableFuture().isDone());
    server.awaitShutdown();
    assertThrows(ConnectException.class, () -> RawClient.open(address(server)));
  }

  /** Clients that stream for ever; the server ends all the same, and each sees one Close. */
  @Test
  void shutdownWhileBusy() throws Exception {
    Server server = start(server().loops(2).route("/", ECHO));
    List<Task> tasks = new ArrayList<>();
    CountDownLatch streaming = new CountDownLatch(6);
    for (int c = 0; c < 6; c++) {
      RawClient client = connect(server);
      tasks.add(
          Task.start(
              "stream " + c,
              () -> {
                for (int i = 0; ; i++) {
                  try {
                    client.write(Frame.text("message " + i));
                  } catch (IOException ended) {
                    throw new AssertionError("reset before the Close was read", ended);
                  }
                  ServerFrame answer = client.readFrame();
                  if (answer.opcode() == Frame.CLOSE) {
                    assertEquals(CloseCode.GOING_AWAY, answer.closeCode());
                    client.expectEnd();
                    client.close();
                    return;
                  }
                  assertEquals("message " + i, answer.text());
                  if (i == 100) {
                    streaming.countDown();
                  }
                }
              }));
    }
    Deadline.await(streaming, "six streams");
    server.shutdown(Duration.ofSeconds(5));
    for (Task task : tasks) {
      task.join();
    }
  }

  @Test
  void shutdownCutsThoseWhoDoNotAnswerInTime() throws Exception {
    Server server =
        start(
            server()
                .limits(
                    Limits.defaults()
                        .withHighWaterMarkBytes(64 << 20)
                        .withCloseTimeout(Duration.ofSeconds(30)))
                .route("/", recorder));
    RawClient silent = connect(server);
    recorder.awaitOpen();
    RawClient stuck = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.allocate(32 << 20)));
    RawClient shaking = open(server).write(UpgradeRequestText.to("/").bytes(), 0, 30);
    long start = System.nanoTime();
    server.shutdown(Duration.ofMillis(200));
    Duration taken = Duration.ofNanos(System.nanoTime() - start);
    assertTrue(taken.compareTo(Duration.ofSeconds(5)) < 0, "shutdown took " + taken);
    assertEquals(CloseCode.GOING_AWAY, recorder.awaitClose().code());
    assertEquals(CloseCode.GOING_AWAY, recorder.awaitClose().code());
    assertEquals(SendResult.CLOSED, connection.send("after"));
    silent.awaitGone();
    shaking.awaitGone();
    stuck.close();
  }

  @Test
  void closeIsIdempotentFromEveryThread() throws Exception {
    Server server = start(server().loops(2).route("/", ECHO));
    RawClient client = connect(server);
    List<Task> closers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      closers.add(Task.start("closer " + i, server::close));
    }
    client.expectCloseAndEnd(CloseCode.GOING_AWAY);
    client.close();
    for (Task closer : closers) {
      closer.join();
    }
    server.close();
    server.shutdown(Duration.ZERO);
    assertThrows(IllegalArgumentException.class, () -> server.shutdown(Duration.ofSeconds(-1)));
  }

  @Test
  void serverClosedByAHandlerEnds() throws Exception {
    BlockingQueue<Server> started = new LinkedBlockingQueue<>();
    Handler handler =
        (connection, message) -> {
          connection.send("closing");
          Deadline.take(started, "the server").close();
        };
    Server server = start(server().loops(2).route("/", handler));
    started.add(server);
    RawClient client = connect(server);
    client.write(Frame.text("close"));
    client.expectText("closing");
    client.expectCloseAndEnd(CloseCode.GOING_AWAY);
    client.close();
    Deadline.await(server.terminated(), "the end of the server");
    Deadline.until(() -> loopThreads().isEmpty(), "the end of the loop threads");
  }

  /** What the application kept answers or throws as documented, and never crashes. */
  @Test
  void keptObjectsOutliveTheServer() throws Exception {
    Server server = start(server().route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    Lease empty = connection.lease(5000);
    ByteBuffer view = empty.buffer();
    client.close();
    server.close();
    assertEquals(SendResult.CLOSED, connection.send("late"));
    assertEquals(SendResult.CLOSED, connection.send(ByteBuffer.allocate(100_000)));
    view.put(0, (byte) 1); // memory stays mapped while it is reachable
    assertEquals(1, view.get(0));
    assertEquals(SendResult.CLOSED, connection.send(empty));
    assertThrows(IllegalStateException.class, () -> connection.lease(1));
    assertFalse(connection.execute(() -> {}));
    connection.schedule(() -> {}, Duration.ZERO).cancel();
    connection.pause();
    connection.resume();
    connection.flush();
    connection.close();
    assertFalse(connection.isOpen());
    assertEquals(0, connection.bufferedBytes());
    assertTrue(Deadline.await(connection.closed(), "closed()").code() > 0);
    assertEquals("/", connection.handshake().path());
    assertEquals(0, server.connectionCount());
  }

  @Test
  void manyServersComeAndGo() throws Exception {
    for (int i = 0; i < 30; i++) {
      try (Server server = server().loops(1 + i % 3).route("/", ECHO).start();
          RawClient client = RawClient.connect(address(server), "/")) {
        client.write(Frame.text("round " + i));
        client.expectText("round " + i);
        client.write(Frame.close(1000, ""));
        client.expectCloseAndEnd(1000);
      }
    }
    Deadline.until(() -> loopThreads().isEmpty(), "the end of the loop threads");
  }

  @Test
  void nothingToListenOnIsTheCallersMistake() {
    assertThrows(
        IllegalStateException.class,
        () -> Server.builder().engine(engine()).route("/", ECHO).start());
  }

  /**
   * CVE-2022-25762, uSockets-180: threads send and close while peers vanish and slots are taken
   * again. No byte of one connection reaches another, and each onOpen has its onClose.
   */
  @Test
  void cve_2022_25762_stormOfSendsClosesAndResets() throws Exception {
    Queue<Connection> opened = new ConcurrentLinkedQueue<>();
    AtomicInteger closed = new AtomicInteger();
    AtomicReferenceArray<Connection> live = new AtomicReferenceArray<>(STORM_PEERS * SLOTS_EACH);
    Handler handler =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            opened.add(connection);
            int number = numberOf(connection);
            int slot = number / 1000 * SLOTS_EACH + number % 1000 % SLOTS_EACH;
            live.set(slot, connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) {
            connection.send(message);
          }

          @Override
          public void onClose(Connection connection, CloseReason reason) {
            closed.incrementAndGet();
          }
        };
    Server server = start(server().loops(2).route("/{number}", handler));
    AtomicInteger busy = new AtomicInteger(STORM_PEERS);
    List<Task> senders = new ArrayList<>();
    for (int t = 0; t < STORM_SENDERS; t++) {
      int thread = t;
      senders.add(Task.start("sender " + t, () -> sendAndClose(live, busy, thread)));
    }
    List<Task> peers = new ArrayList<>();
    for (int p = 0; p < STORM_PEERS; p++) {
      int peer = p;
      peers.add(
          Task.start(
              "peer " + p,
              () -> {
                try {
                  comeAndGo(server, peer);
                } finally {
                  busy.decrementAndGet();
                }
              }));
    }
    for (Task task : peers) {
      task.join();
    }
    for (Task task : senders) {
      task.join();
    }
    opened.forEach(Connection::resume); // a paused one would not notice that its peer left
    awaitNoConnections(server);
    assertEquals(STORM_PEERS * 150, opened.size());
    Deadline.until(() -> closed.get() == opened.size(), "an onClose for every onOpen");
    connect(server, "/0").write(Frame.text("alive")).expectText("alive");
  }

  private static int numberOf(Connection connection) {
    return Integer.parseInt(connection.handshake().parameter("number"));
  }

  private static void sendAndClose(
      AtomicReferenceArray<Connection> live, AtomicInteger busy, int thread) {
    Random random = Seed.random("storm sender " + thread);
    for (int sequence = 0; busy.get() > 0; sequence++) {
      Connection connection = live.get(random.nextInt(live.length()));
      if (connection == null) {
        continue;
      }
      byte[] bytes = Stamp.of(numberOf(connection), thread, sequence, random.nextInt(3000));
      switch (random.nextInt(20)) {
        case 0 -> connection.close(4000, "storm");
        case 1 -> connection.pause();
        case 2, 3 -> connection.resume();
        case 4, 5, 6, 7 -> sendLease(connection, bytes);
        case 8 -> connection.execute(() -> connection.send(ByteBuffer.wrap(bytes)));
        default -> connection.send(ByteBuffer.wrap(bytes));
      }
    }
  }

  private static void sendLease(Connection connection, byte[] bytes) {
    Lease lease;
    try {
      lease = connection.lease(bytes.length);
    } catch (IllegalStateException full) {
      return; // documented: no memory is left for it
    }
    lease.buffer().put(bytes);
    connection.send(lease);
  }

  /** Connects, reads some, and leaves in one of the ways peers leave. */
  private static void comeAndGo(Server server, int peer) throws Exception {
    Random random = Seed.random("storm peer " + peer);
    for (int i = 0; i < 150; i++) {
      int number = peer * 1000 + i;
      RawClient client = RawClient.connect(address(server), "/" + number);
      readSome(client, number, random.nextInt(40));
      switch (random.nextInt(3)) {
        case 0 -> client.reset();
        case 1 -> client.write(Frame.close(1000, "")).close();
        default -> client.close();
      }
    }
  }

  private static void readSome(RawClient client, int number, int count) throws Exception {
    int[] last = new int[STORM_SENDERS];
    Arrays.fill(last, -1);
    for (int i = 0; i < count; i++) {
      ServerFrame frame = client.readFrame();
      if (frame.opcode() == Frame.CLOSE) {
        return;
      }
      Stamp.check(frame.payload(), number);
      int thread = Stamp.threadOf(frame.payload());
      int sequence = Stamp.sequenceOf(frame.payload());
      assertTrue(sequence > last[thread], "thread " + thread + " overtook itself: " + sequence);
      last[thread] = sequence;
    }
  }
}
