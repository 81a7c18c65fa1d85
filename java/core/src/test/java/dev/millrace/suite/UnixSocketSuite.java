// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.Connection;
import dev.millrace.ListenException;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import dev.millrace.UnixPeer;
import dev.millrace.Upgrade;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.Principal;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Unix sockets: who may connect, who did, and whose file it is. */
public abstract class UnixSocketSuite extends EngineSuite {

  private static final int NOBODY = 65_534;

  private final Recorder recorder = new Recorder();
  @TempDir private Path directory;

  private Path socket() {
    return directory.resolve("echo.sock");
  }

  private Server.Builder unixServer() {
    return Server.builder()
        .engine(engine())
        .loops(1)
        .listen("ws+unix://" + socket())
        .route("/", ECHO)
        .route("/who", recorder);
  }

  private String mode() throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(socket()));
  }

  private void expectEcho(Server server) throws IOException {
    connect(server).write(Frame.text("hello")).expectText("hello");
  }

  /** The socket file of a process that ended without removing it. */
  private void leaveStaleFile() throws IOException {
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(socket()));
    }
    assertTrue(Files.exists(socket()));
  }

  private String refusal() {
    ListenException thrown = assertThrows(ListenException.class, () -> unixServer().start());
    assertTrue(thrown.getMessage().startsWith("cannot listen on ws+unix://" + socket() + ": "));
    assertFalse(thrown.getMessage().contains("\n"), thrown.getMessage());
    return thrown.getMessage();
  }

  @Test
  void onlyItsUserMayConnectUnlessMoreIsAskedFor() throws Exception {
    expectEcho(start(unixServer()));
    assertEquals("rw-------", mode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"rw-rw----", "rw-rw-rw-", "rwxrwxrwx", "rw-------"})
  void fileHasTheModeThatIsAskedForWhateverTheUmask(String mode) throws Exception {
    SocketOptions options = SocketOptions.defaults().withUnixMode(mode);
    expectEcho(start(unixServer().socketOptions(options)));
    assertEquals(mode, mode());
  }

  /** What is looked at all the time is never seen with another mode, not even as it appears. */
  @Test
  void fileIsAtNoTimeOpenToMoreThanWasAskedFor() throws Exception {
    Set<String> seen = new TreeSet<>();
    AtomicBoolean over = new AtomicBoolean();
    Task watcher =
        Task.start(
            "watcher",
            () -> {
              while (!over.get()) {
                try {
                  seen.add(mode());
                } catch (NoSuchFileException notThere) {
                  // for a moment
                }
              }
            });
    for (int i = 0; i < 50; i++) {
      unixServer().start().close();
    }
    over.set(true);
    watcher.join();
    assertTrue(seen.contains("rw-------"), () -> "modes: " + seen);
    if (setsModesBeforeTheFileIsThere()) {
      assertEquals(Set.of("rw-------"), seen);
    }
  }

  @Test
  void staleFileIsReplacedByOneOfTheModeAskedFor() throws Exception {
    leaveStaleFile();
    Files.setPosixFilePermissions(socket(), PosixFilePermissions.fromString("rwxrwxrwx"));
    expectEcho(start(unixServer()));
    assertEquals("rw-------", mode());
  }

  @Test
  void staleFileOfAnotherUserIsOneSentence() throws Exception {
    leaveStaleFile();
    assumeTrue(isRoot(), "only root can give a file away");
    Files.setAttribute(socket(), "unix:uid", NOBODY);
    String refusal = refusal();
    assertTrue(refusal.contains("of another user is there; remove it"), refusal);
    assertTrue(Files.exists(socket()));
  }

  @Test
  void folderThatIsNotWritableIsOneSentence() throws Exception {
    assumeFalse(isRoot(), "root may write everywhere");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("r-xr-xr-x"));
    try {
      String refusal = refusal();
      assertTrue(refusal.contains("choose a folder in which this user may write"), refusal);
    } finally {
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  @Test
  void fileOfAServerThatCameLaterIsLeftAlone() throws Exception {
    Server first = start(unixServer());
    Files.delete(socket());
    Server second = start(unixServer());
    first.close();
    expectEcho(second);
    second.shutdown(Duration.ZERO);
    assertFalse(Files.exists(socket()));
  }

  @Test
  void peerIsToldWithItsProcessUserAndGroup() throws Exception {
    Server server = start(unixServer());
    connect(server, "/who");
    Connection connection = recorder.awaitOpen();
    Principal told = connection.handshake().peer().orElseThrow();
    if (tellsPeersByNumber()) {
      UnixPeer peer = (UnixPeer) told;
      assertEquals(ProcessHandle.current().pid(), peer.pid());
      assertEquals(ownId("unix:uid"), peer.uid());
      assertEquals(ownId("unix:gid"), peer.gid());
      assertEquals("uid=" + peer.uid(), peer.getName());
    } else {
      assertEquals(Files.getOwner(socket()).getName(), told.getName());
    }
    // What else is kept of the handshake is still there.
    assertEquals("/who", connection.handshake().path());
    assertEquals(UnixDomainSocketAddress.of(""), connection.handshake().remoteAddress());
  }

  @Test
  void peerOfATcpConnectionHasProvedNothing() throws Exception {
    Server server = start(server().route("/who", recorder));
    connect(server, "/who");
    assertEquals(Optional.empty(), recorder.awaitOpen().handshake().peer());
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1})
  void upgradeCanBeDecidedByUser(long stranger) throws Exception {
    long allowed = ownId("unix:uid") + stranger;
    Server server =
        start(
            unixServer()
                .onUpgrade(
                    request -> {
                      return isUser(request.peer().orElseThrow(), allowed)
                          ? Upgrade.accept()
                          : Upgrade.reject(403, "not your socket");
                    }));
    RawClient client = open(server).write(UpgradeRequestText.to("/").bytes());
    assertEquals(stranger == 0 ? 101 : 403, client.readResponse().status());
  }

  private boolean isUser(Principal peer, long uid) {
    if (tellsPeersByNumber()) {
      return peer instanceof UnixPeer unix && unix.uid() == uid;
    }
    try {
      boolean own = peer.getName().equals(Files.getOwner(socket()).getName());
      return own && uid == ownId("unix:uid");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isRoot() throws IOException {
    return ownId("unix:uid") == 0;
  }

  /** An id of this process, which is that of what it makes. */
  private static long ownId(String attribute) throws IOException {
    Path made = Files.createTempFile("millrace-id", null);
    try {
      return (int) Files.getAttribute(made, attribute);
    } finally {
      Files.delete(made);
    }
  }
}
