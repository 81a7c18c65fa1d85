// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.SocketOptions;
import dev.millrace.internal.spi.Errno;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The file of a Unix socket: bound, given its mode, and removed if it is still ours. */
final class SocketFile {
  private final Path path;
  private final @Nullable Object fileKey;

  private SocketFile(Path path, @Nullable Object fileKey) {
    this.path = path;
    this.fileKey = fileKey;
  }

  /**
   * Binds a channel that does not block. The file of a process of this user that is gone is
   * replaced.
   */
  static SocketFile bind(ServerSocketChannel channel, Path path, SocketOptions options)
      throws IOException {
    UnixDomainSocketAddress address = UnixDomainSocketAddress.of(path);
    try {
      channel.bind(address, options.backlog());
    } catch (IOException e) {
      if (Errno.of(e) != Errno.EADDRINUSE) {
        throw e;
      }
      removeStale(path);
      channel.bind(address, options.backlog());
    }
    SocketFile file = new SocketFile(path, attributes(path).fileKey());
    try {
      file.setMode(channel, options);
      return file;
    } catch (Throwable t) {
      file.remove();
      throw t;
    }
  }

  /** Until now the umask has decided who may connect: who came by it is not let in. */
  private void setMode(ServerSocketChannel channel, SocketOptions options) throws IOException {
    PosixFileAttributeView view = Files.getFileAttributeView(path, PosixFileAttributeView.class);
    if (view == null) {
      return;
    }
    view.setPermissions(options.unixMode());
    for (SocketChannel early = channel.accept(); early != null; early = channel.accept()) {
      early.close();
    }
  }

  private static BasicFileAttributes attributes(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
  }

  private static void removeStale(Path path) throws IOException {
    BasicFileAttributes before = attributes(path);
    if (!before.isOther()) {
      throw inUse(path);
    }
    // Where many may write, such as /tmp, another user's file is not ours to judge or to remove,
    // not even for root.
    if (!isOwn(path)) {
      throw new FileSystemException(path.toString(), null, "file exists");
    }
    if (!refusesConnections(path)) {
      throw inUse(path);
    }
    // Another process may have replaced the file while we knocked. Its new file is not ours.
    BasicFileAttributes after = attributes(path);
    FileTime created = before.creationTime();
    if (!Objects.equals(before.fileKey(), after.fileKey())
        || !created.equals(after.creationTime())) {
      throw inUse(path);
    }
    Files.delete(path);
  }

  private static IOException inUse(Path path) {
    return new FileSystemException(path.toString(), null, "address already in use");
  }

  private static boolean refusesConnections(Path path) throws IOException {
    try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      probe.configureBlocking(false);
      probe.connect(UnixDomainSocketAddress.of(path));
      return false;
    } catch (ConnectException refused) {
      return true;
    } catch (IOException other) {
      return String.valueOf(other.getMessage()).contains("refused");
    }
  }

  /** Whether the file belongs to whoever the files of this process belong to. */
  private static boolean isOwn(Path path) throws IOException {
    Path made = Files.createTempFile("millrace", null);
    try {
      return Files.getOwner(made).equals(Files.getOwner(path, LinkOption.NOFOLLOW_LINKS));
    } catch (UnsupportedOperationException noOwners) {
      return true;
    } finally {
      Files.delete(made);
    }
  }

  /** Who has removed our file may have bound the path again: then it stays. */
  void remove() {
    try {
      if (Objects.equals(attributes(path).fileKey(), fileKey)) {
        Files.delete(path);
      }
    } catch (IOException gone) {
      // Somebody was faster, or may do more here than we.
    }
  }
}
