// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.ListenException;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the system is asked for when listening, as far as it is seen from here. */
public abstract class SocketOptionsSuite extends EngineSuite {

  private static final Path SETTINGS = Path.of("/proc/sys/net");

  private static String setting(String name) throws Exception {
    Path file = SETTINGS.resolve(name);
    assumeTrue(Files.isReadable(file), () -> "this system does not tell " + file);
    return Files.readString(file).strip();
  }

  private Server.Builder server(SocketOptions options) {
    return server().socketOptions(options).route("/", ECHO);
  }

  private String refusal(SocketOptions options) {
    ListenException thrown =
        assertThrows(ListenException.class, () -> server(options).start(), options::toString);
    assertTrue(thrown.getMessage().startsWith("cannot listen on ws://127.0.0.1:0: "));
    assertFalse(thrown.getMessage().contains("\n"), thrown.getMessage());
    return thrown.getMessage();
  }

  @Test
  void largeMessagesPassThroughTheBuffersOfManySlow(@TempDir Path directory) throws Exception {
    Server server =
        start(server(SocketOptions.manySlow()).listen("ws+unix://" + directory.resolve("s")));
    for (URI address : server.addresses()) {
      RawClient client = closeLater(RawClient.connect(address, "/"));
      byte[] large = Seed.bytes(Seed.random("slow " + address.getScheme()), 300_000);
      CompletableFuture<Void> writing =
          client.writeMeanwhile(RawClient.bytesOf(Frame.binary(large)));
      client.expectBinary(large);
      Deadline.await(writing, "the write");
    }
  }

  /** Half a mebibyte to a peer that does not read: all but the kernel's few KiB waits with us. */
  @Test
  void sendBufferIsWhatTheKernelTakes(@TempDir Path directory) throws Exception {
    int length = 512 << 10;
    CompletableFuture<Connection> sent = new CompletableFuture<>();
    Handler sender =
        (connection, message) -> {
          connection.send(ByteBuffer.allocate(length));
          connection.flush();
          sent.complete(connection);
        };
    Server server =
        start(
            Server.builder()
                .engine(engine())
                .loops(1)
                .socketOptions(SocketOptions.manySlow())
                .listen("ws+unix://" + directory.resolve("s"))
                .route("/", sender));
    connect(server).write(Frame.text("go"));
    long buffered = Deadline.await(sent, "the send").bufferedBytes();
    assertTrue(buffered > length - (32 << 10), "buffered=" + buffered);
    assertTrue(buffered < length, "the kernel took nothing: buffered=" + buffered);
  }

  @Test
  void everyCongestionControlThatIsAllowedCanBeChosen() throws Exception {
    for (String name : setting("ipv4/tcp_allowed_congestion_control").split("\\s+")) {
      if (!choosesCongestionControl()) {
        String refusal = refusal(SocketOptions.defaults().withCongestionControl(name));
        assertTrue(refusal.endsWith("needs the native engine: congestionControl=" + name), refusal);
        continue;
      }
      Server server = start(server(SocketOptions.defaults().withCongestionControl(name)));
      connect(server).write(Frame.text(name)).expectText(name);
    }
  }

  @Test
  void congestionControlThatIsNotThereIsOneSentenceNamingWhatIs() throws Exception {
    String refusal = refusal(SocketOptions.defaults().withCongestionControl("no_such_thing"));
    if (!choosesCongestionControl()) {
      assertTrue(refusal.contains("congestionControl=no_such_thing"), refusal);
      return;
    }
    assertTrue(
        refusal.endsWith(
            "no such congestion control: congestionControl=no_such_thing, available="
                + setting("ipv4/tcp_available_congestion_control")),
        refusal);
  }

  @Test
  void bufferOverTheSystemsLimitIsOneSentenceNamingIt() throws Exception {
    int wanted = 256 << 20;
    long limit = Long.parseLong(setting("core/rmem_max"));
    assumeTrue(limit < wanted, () -> "this system allows " + limit);
    String refusal = refusal(SocketOptions.defaults().withReceiveBufferBytes(wanted));
    assertTrue(refusal.contains("receiveBufferBytes=" + wanted), refusal);
    assertTrue(refusal.contains("net.core.rmem_max=" + limit), refusal);
  }

  @Test
  void loopsThatShareAPortEachServeWhatTheyAccept(@TempDir Path directory) throws Exception {
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    Handler handler =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            threads.add(Thread.currentThread());
          }

          @Override
          public void onMessage(Connection connection, Message message) {
            connection.send(message);
          }
        };
    SocketOptions shared = SocketOptions.defaults().withReusePort(true);
    Server.Builder builder =
        server()
            .loops(3)
            .socketOptions(shared)
            .listen("ws+unix://" + directory.resolve("s"))
            .route("/", handler);
    Server server = start(builder);
    // The kernel spreads by a hash of ports that nobody chooses: some must fall to another loop.
    for (int i = 0; i < 1000 && threads.size() < 3; i++) {
      RawClient client = RawClient.connect(address(server), "/");
      client.write(Frame.text("over TCP " + i)).expectText("over TCP " + i);
      client.close();
    }
    assertEquals(3, threads.size());
    RawClient local = closeLater(RawClient.connect(server.addresses().get(1), "/"));
    local.write(Frame.text("local")).expectText("local");
  }

  @Test
  void sharedPortIsTakenForEveryOtherServer() throws Exception {
    SocketOptions shared = SocketOptions.defaults().withReusePort(true);
    Server first = start(server(shared).loops(2));
    String taken = address(first).toString();
    for (SocketOptions options : List.of(SocketOptions.defaults(), shared)) {
      Server.Builder second =
          Server.builder().engine(engine()).socketOptions(options).loops(2).listen(taken);
      ListenException thrown =
          assertThrows(ListenException.class, () -> second.route("/", ECHO).start());
      assertTrue(thrown.getMessage().contains("address in use"), thrown.getMessage());
    }
    connect(first).write(Frame.text("still here")).expectText("still here");
    first.shutdown(Duration.ZERO);
    Server again =
        start(
            Server.builder()
                .engine(engine())
                .socketOptions(shared)
                .loops(2)
                .listen(taken)
                .route("/", ECHO));
    connect(again).write(Frame.text("again")).expectText("again");
  }

  @Test
  void whoWaitsToBeAcceptedWhenTheServerEndsIsTold() throws Exception {
    int waiting = 20;
    CompletableFuture<Server> running = new CompletableFuture<>();
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch queued = new CountDownLatch(1);
    Handler handler =
        (connection, message) -> {
          entered.countDown();
          Deadline.await(queued, "the clients that wait");
          running.join().shutdown(Duration.ofSeconds(5));
        };
    Server server = start(server().route("/", handler));
    running.complete(server);
    RawClient last = connect(server).write(Frame.text("end"));
    Deadline.await(entered, "onMessage");
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < waiting; i++) {
      clients.add(open(server).write(UpgradeRequestText.to("/").bytes()));
    }
    queued.countDown();
    for (RawClient client : clients) {
      assertEquals(503, client.readResponse().status());
      client.expectEnd();
    }
    last.expectClose(1001);
  }
}
