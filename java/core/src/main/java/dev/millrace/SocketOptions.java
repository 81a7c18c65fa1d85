// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the operating system is asked for when a server listens. Everything is set before the first
 * connection can come, and accepted connections inherit it. Immutable: every {@code with} gives a
 * new object, and checks its value at once. What only the system can judge, such as the name of a
 * congestion control, fails the start with a {@link ListenException} that names what there is.
 */
public final class SocketOptions {

  private static final int MIN_BUFFER_BYTES = 4 << 10;
  private static final int MAX_BUFFER_BYTES = 256 << 20;
  private static final Pattern CONGESTION_CONTROL = Pattern.compile("[A-Za-z0-9_-]{1,15}");
  private static final SocketOptions DEFAULTS = new SocketOptions(new Values());

  private final Values values;

  private SocketOptions(Values values) {
    this.values = values;
  }

  /**
   * The options of a server that says nothing about them.
   *
   * @return each value as its accessor states it
   */
  public static SocketOptions defaults() {
    return DEFAULTS;
  }

  /**
   * For very many connections that say little: both buffers are 4 KiB, so that a peer that does not
   * read costs little memory in the kernel. A single connection is slow with it.
   *
   * @return the defaults but for {@link #receiveBufferBytes()} and {@link #sendBufferBytes()}
   */
  public static SocketOptions manySlow() {
    return DEFAULTS.withReceiveBufferBytes(MIN_BUFFER_BYTES).withSendBufferBytes(MIN_BUFFER_BYTES);
  }

  /**
   * How many connections may wait to be accepted. Linux takes at most {@code net.core.somaxconn} of
   * it. By default 4,096.
   *
   * @return the length of the queue
   */
  public int backlog() {
    return values.backlog;
  }

  /**
   * Sets {@link #backlog()}.
   *
   * @param backlog 1 to 65535
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public SocketOptions withBacklog(int backlog) {
    requireRange("backlog", backlog, 1, 0xFFFF);
    Values changed = new Values(values);
    changed.backlog = backlog;
    return new SocketOptions(changed);
  }

  /**
   * The receive buffer of a TCP connection ({@code SO_RCVBUF}), in bytes. Linux sets aside twice as
   * much, for its own records. By default 0: the system chooses and adapts it, which is best for
   * throughput. Unix sockets have no receive buffer of their own on Linux.
   *
   * @return the size, 0 for the system's choice
   */
  public int receiveBufferBytes() {
    return values.receiveBufferBytes;
  }

  /**
   * Sets {@link #receiveBufferBytes()}. More than the system allows ({@code net.core.rmem_max})
   * fails the start; it is not quietly made smaller.
   *
   * @param receiveBufferBytes 4096 to 268435456 (256 MiB), or 0 for the system's choice
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public SocketOptions withReceiveBufferBytes(int receiveBufferBytes) {
    requireBuffer("receiveBufferBytes", receiveBufferBytes);
    Values changed = new Values(values);
    changed.receiveBufferBytes = receiveBufferBytes;
    return new SocketOptions(changed);
  }

  /**
   * The send buffer of a connection ({@code SO_SNDBUF}), in bytes; Linux sets aside twice as much,
   * for its own records. By default 0: the system chooses and adapts it. What the kernel does not
   * take waits with us and counts for {@link Connection#bufferedBytes()}.
   *
   * @return the size, 0 for the system's choice
   */
  public int sendBufferBytes() {
    return values.sendBufferBytes;
  }

  /**
   * Sets {@link #sendBufferBytes()}. More than the system allows ({@code net.core.wmem_max}) fails
   * the start; it is not quietly made smaller.
   *
   * @param sendBufferBytes 4096 to 268435456 (256 MiB), or 0 for the system's choice
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public SocketOptions withSendBufferBytes(int sendBufferBytes) {
    requireBuffer("sendBufferBytes", sendBufferBytes);
    Values changed = new Values(values);
    changed.sendBufferBytes = sendBufferBytes;
    return new SocketOptions(changed);
  }

  /**
   * The congestion control of TCP connections, such as {@code bbr}.
   *
   * @return its name, empty for the system's choice, which is the default
   */
  public Optional<String> congestionControl() {
    return Optional.ofNullable(values.congestionControl);
  }

  /**
   * Sets {@link #congestionControl()}. One that the system does not have, or does not allow this
   * user, fails the start.
   *
   * @param congestionControl a name as {@code /proc/sys/net/ipv4/tcp_available_congestion_control}
   *     lists them
   * @return options that differ in this
   * @throws IllegalArgumentException if it cannot be such a name
   */
  public SocketOptions withCongestionControl(String congestionControl) {
    Objects.requireNonNull(congestionControl, "congestionControl");
    if (!CONGESTION_CONTROL.matcher(congestionControl).matches()) {
      throw new IllegalArgumentException(
          "congestionControl is 1 to 15 letters, digits, _ or -: value=" + congestionControl);
    }
    Values changed = new Values(values);
    changed.congestionControl = congestionControl;
    return new SocketOptions(changed);
  }

  /**
   * Whether each loop has a listener of its own for each TCP address, and the system spreads new
   * connections over them ({@code SO_REUSEPORT}). For servers that are busy accepting; a connection
   * stays with the loop that accepted it, so that loops may fill unevenly. By default no: the first
   * loop accepts, and gives each connection to the loop with the fewest.
   *
   * <p>The port must be free when the server starts, as without this option. While it runs, another
   * process of the same user may join in with {@code SO_REUSEPORT}. Unix sockets stay with the
   * first loop.
   *
   * @return whether it is on
   */
  public boolean reusePort() {
    return values.reusePort;
  }

  /**
   * Sets {@link #reusePort()}.
   *
   * @param reusePort whether it is on
   * @return options that differ in this
   */
  public SocketOptions withReusePort(boolean reusePort) {
    Values changed = new Values(values);
    changed.reusePort = reusePort;
    return new SocketOptions(changed);
  }

  /**
   * Who may connect to a Unix socket: the permissions of its file, of which Linux asks for write.
   * The file never has more, from its first moment, and exactly these whatever the umask. By
   * default {@code rw-------}: this user only. Names in the abstract namespace have no file: every
   * process of the same network namespace may connect to them.
   *
   * @return an unmodifiable set
   */
  public Set<PosixFilePermission> unixMode() {
    return values.unixMode;
  }

  /**
   * Sets {@link #unixMode()}.
   *
   * @param unixMode nine characters such as {@code rw-rw----}, as {@link
   *     PosixFilePermissions#fromString} reads them
   * @return options that differ in this
   * @throws IllegalArgumentException if it is not of that form
   */
  public SocketOptions withUnixMode(String unixMode) {
    Objects.requireNonNull(unixMode, "unixMode");
    try {
      return withUnixMode(PosixFilePermissions.fromString(unixMode));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "unixMode is nine characters such as rw-rw----: value=" + unixMode, e);
    }
  }

  /**
   * Sets {@link #unixMode()}.
   *
   * @param unixMode the permissions, copied
   * @return options that differ in this
   */
  public SocketOptions withUnixMode(Set<PosixFilePermission> unixMode) {
    Values changed = new Values(values);
    changed.unixMode = Set.copyOf(unixMode);
    return new SocketOptions(changed);
  }

  @Override
  public String toString() {
    return "SocketOptions[backlog="
        + values.backlog
        + ", receiveBufferBytes="
        + values.receiveBufferBytes
        + ", sendBufferBytes="
        + values.sendBufferBytes
        + ", congestionControl="
        + congestionControl().orElse("")
        + ", reusePort="
        + values.reusePort
        + ", unixMode="
        + PosixFilePermissions.toString(values.unixMode)
        + "]";
  }

  private static void requireBuffer(String name, int value) {
    if (value != 0) {
      requireRange(name, value, MIN_BUFFER_BYTES, MAX_BUFFER_BYTES);
    }
  }

  private static void requireRange(String name, int value, int lowest, int highest) {
    if (value < lowest || value > highest) {
      throw new IllegalArgumentException(
          name + " out of range: value=" + value + ", limits=" + lowest + ".." + highest);
    }
  }

  /** The values, changed only between copying and publishing. */
  private static final class Values {
    int backlog = 4096;
    int receiveBufferBytes;
    int sendBufferBytes;
    @Nullable String congestionControl;
    boolean reusePort;
    Set<PosixFilePermission> unixMode =
        Set.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);

    Values() {}

    Values(Values other) {
      backlog = other.backlog;
      receiveBufferBytes = other.receiveBufferBytes;
      sendBufferBytes = other.sendBufferBytes;
      congestionControl = other.congestionControl;
      reusePort = other.reusePort;
      unixMode = other.unixMode;
    }
  }
}
