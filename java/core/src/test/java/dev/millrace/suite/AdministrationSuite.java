// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.ListenException;
import dev.millrace.MillraceException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import dev.millrace.Upgrade;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The socket on which a server tells what it does. */
public abstract class AdministrationSuite extends EngineSuite {

  @TempDir Path folder;
  private Path socket;
  private Client client;

  @BeforeEach
  final void nameTheSocket() throws MillraceException {
    socket = folder.resolve("a dmin.sock");
    client = closeLater(Client.builder().engine(Engine.JAVA).build());
  }

  private BlockingConnection ask() throws Exception {
    URI uri = URI.create("ws+unix://" + socket.toUri().getRawPath() + ":/statistics");
    return closeLater(client.open(uri));
  }

  private static String answer(BlockingConnection connection) throws Exception {
    connection.send("?");
    return connection.receive(Deadline.WAIT).orElseThrow().text();
  }

  private static String member(String document, String name) {
    Matcher found = Pattern.compile("\"" + name + "\":(\"[^\"]*\"|[-0-9.]+)").matcher(document);
    assertTrue(found.find(), () -> name + " in " + document);
    return found.group(1);
  }

  @Test
  void tellsTheUserOfTheServerAndNobodyElse() throws Exception {
    Server server = start(server().loops(2).route("/", ECHO).administration(socket));
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
    assertEquals(1, server.addresses().size(), "it is none of the server's addresses");
    RawClient visitor = connect(server);
    visitor.write(Frame.text("ripple")).expectText("ripple");

    BlockingConnection connection = ask();
    Deadline.until(
        () -> server.statistics().stream().mapToLong(one -> one.messagesSent()).sum() == 1,
        "the echo is counted");
    String first = answer(connection);
    assertEquals("1", member(first, "version"));
    assertEquals("2", member(first, "loops"));
    assertEquals("1", member(first, "connections"));
    assertEquals("1", member(first, "messagesReceived"));
    assertEquals("1", member(first, "opened"), "its own connections do not count");
    assertTrue(first.contains("\"silentLoops\":[]"), first);
    assertFalse(first.contains("\"recent\""), "there was nothing before");
    String second = answer(connection);
    String recent = second.substring(second.indexOf("\"recent\""));
    assertEquals("0", member(recent, "messagesReceived"));

    RawClient stranger = open(server);
    stranger.write(UpgradeRequestText.to("/statistics").bytes());
    assertEquals(404, stranger.readResponse().status(), "not by the network");
  }

  @Test
  void itsMemoryIsTakenFromTheCeiling() throws Exception {
    Limits small = Limits.defaults().withMaxMemoryBytes(64 << 20);
    Server alone = start(server().limits(small).loops(1).route("/", ECHO));
    Server told = start(server().limits(small).loops(1).route("/", ECHO).administration(socket));
    assertEquals(4 << 20, alone.limits().regionBytes() - told.limits().regionBytes());
    assertEquals("67108864", member(answer(ask()), "memoryLimit"));
  }

  @Test
  void showsTheDeepestQueuesFirstAndNamesAsTheServerShowsThem() throws Exception {
    Recorder recorder = new Recorder();
    Server server =
        start(
            server()
                .limits(Limits.defaults().withHighWaterMarkBytes(4 << 20))
                .socketOptions(SocketOptions.defaults().withSendBufferBytes(64 << 10))
                .route("/slow", recorder)
                .route("/{any}", ECHO)
                .onUpgrade(
                    request ->
                        Upgrade.accept()
                            .principal(() -> "secret of " + request.path().substring(1)))
                .redactPrincipals(name -> "***" + name.length())
                .administration(socket));
    for (int i = 0; i < 30; i++) {
      connect(server, "/idle" + i);
    }
    closeLater(RawClient.connectSlow(address(server), "/slow"));
    Connection slow = recorder.awaitOpen();
    while (slow.send(ByteBuffer.allocate(64 << 10)) == SendResult.ACCEPTED) {}
    Deadline.until(() -> slow.bufferedBytes() > 0, "a queue");

    String answer = answer(ask());
    String queues = answer.substring(answer.indexOf("\"deepestQueues\""));
    assertEquals(20, queues.split("\"id\":", -1).length - 1);
    assertEquals("\"" + Long.toHexString(slow.id()) + "\"", member(queues, "id"));
    assertEquals("\"/slow\"", member(queues, "path"));
    assertEquals("\"***14\"", member(queues, "peer"));
    assertTrue(Long.parseLong(member(queues, "queuedBytes")) > 1 << 20, queues);
    assertFalse(answer.contains("secret"), "what the server redacts");
  }

  @Test
  void aLoopThatDoesNotGoOnIsNamedAndTheOthersAreShown() throws Exception {
    CountDownLatch goOn = new CountDownLatch(1);
    Recorder recorder = new Recorder();
    Server server = start(server().loops(2).route("/", recorder).administration(socket));
    connect(server);
    Connection blocked = recorder.awaitOpen();
    connect(server);
    recorder.awaitOpen();
    blocked.execute(
        () -> {
          try {
            goOn.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    try {
      String answer = answer(ask());
      assertEquals(2, answer.split("\"silentLoops\":\\[[01]]", -1).length, answer);
      String queues = answer.substring(answer.indexOf("\"deepestQueues\""));
      assertEquals(1, queues.split("\"id\":", -1).length - 1);
    } finally {
      goOn.countDown();
    }
  }

  @Test
  void endsWithItsServer() throws Exception {
    Server server = start(server().route("/", ECHO).administration(socket));
    BlockingConnection connection = ask();
    answer(connection);
    server.close();
    assertFalse(Files.exists(socket));
    CloseReason told = Deadline.await(connection.connection().closed(), "the end");
    assertEquals(CloseCode.GOING_AWAY, told.code());
    start(server().route("/", ECHO).administration(socket)).shutdown(Duration.ZERO);
    assertFalse(Files.exists(socket));
  }

  @Test
  void aTakenPathFailsTheStartAndLeavesNothingBehind() throws Exception {
    Files.writeString(socket, "not a socket");
    Server.Builder builder = server().route("/", ECHO).administration(socket);
    ListenException refused = assertThrows(ListenException.class, builder::start);
    assertTrue(refused.getMessage().contains("dmin.sock"), refused.getMessage());
    Files.delete(socket);
    start(builder);

    Path other = folder.resolve("other.sock");
    Server.Builder second =
        Server.builder()
            .engine(engine())
            .listen("ws+unix://" + socket.toUri().getRawPath())
            .route("/", ECHO)
            .administration(other);
    assertThrows(ListenException.class, second::start);
    assertFalse(Files.exists(other), "of a server that did not start");
    assertThrows(
        IllegalArgumentException.class,
        () -> server().administration(Path.of("/tmp/" + "x".repeat(200))));
  }
}
