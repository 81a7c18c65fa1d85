// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.ListenException;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.UnixPeer;
import dev.millrace.suite.Deadline;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clients of others over Unix sockets, and the abstract namespace, to which the JDK cannot connect.
 */
@Timeout(60)
final class UnixPeersTest {

  private static final Path SYSTEM_TABLE = Path.of("/proc/net/unix");
  private static final List<String> ECHOES =
      List.of("text 126", "binary 126", "text 200000", "binary 200000", "closed 1000");

  /** Echoes, and remembers who came. */
  private static final class Echo implements Handler {
    private final BlockingQueue<Connection> opened = new LinkedBlockingQueue<>();

    @Override
    public void onOpen(Connection connection) {
      opened.add(connection);
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      connection.send(message);
    }
  }

  private final Echo echo = new Echo();
  private final String name = "millrace test " + ProcessHandle.current().pid();
  private final String uri = "ws+unix:@" + name.replace(" ", "%20");

  @BeforeAll
  @Timeout(400)
  static void prepare() throws Exception {
    Peers.prepare();
    Peers.require("/usr/bin/python3", "python3-websockets", "-c", "import websockets");
  }

  private Server start(String address) throws Exception {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(1)
        .listen(address)
        .route("/", echo)
        .route("/echo", echo)
        .start();
  }

  private static List<String> python(String url) throws Exception {
    return Peers.run(List.of("/usr/bin/python3", "websockets_client.py", url, "126", "200000"));
  }

  /** {@code ws+unix:///run/x.sock:/path}: socket and request path as node's `ws` writes them. */
  @Test
  void nodeWsOverAPath(@TempDir Path directory) throws Exception {
    Path socket = directory.resolve("echo.sock");
    try (Server server = start("ws+unix://" + socket)) {
      String url = server.addresses().get(0) + ":/echo";
      assertEquals(ECHOES, Peers.run(List.of("node", "node-ws.mjs", url, "126", "200000")));
      assertEquals("/echo", Deadline.take(echo.opened, "onOpen").handshake().path());
    }
  }

  @Test
  void pythonOverAPath(@TempDir Path directory) throws Exception {
    Path socket = directory.resolve("echo.sock");
    try (Server server = start("ws+unix://" + socket)) {
      assertEquals(ECHOES, python(server.addresses().get(0).toString()));
    }
  }

  @Test
  void pythonOverAnAbstractName() throws Exception {
    try (Server server = start(uri)) {
      assertEquals(uri, server.addresses().get(0).toString());
      assertEquals(ECHOES, python("ws+unix:@" + name));
      UnixPeer peer =
          (UnixPeer) Deadline.take(echo.opened, "onOpen").handshake().peer().orElseThrow();
      assertTrue(peer.pid() != ProcessHandle.current().pid(), "another process came: " + peer);
    }
  }

  @Test
  void abstractNameGoesWithItsServerAndLeavesNoFile() throws Exception {
    assertFalse(isBound());
    try (Server server = start(uri)) {
      assertTrue(isBound());
      assertFalse(Files.exists(Path.of("@" + name)));
      ListenException taken = assertThrows(ListenException.class, () -> start(uri));
      assertEquals(
          "cannot listen on "
              + uri
              + ": address in use; stop what listens there, or choose another name",
          taken.getMessage());
      assertEquals(0, server.connectionCount());
    }
    assertFalse(isBound());
    start(uri).close();
  }

  private boolean isBound() throws Exception {
    return Files.readAllLines(SYSTEM_TABLE).stream().anyMatch(line -> line.endsWith(" @" + name));
  }
}
