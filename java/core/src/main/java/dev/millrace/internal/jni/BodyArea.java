// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.SocketOptions;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.AbstractSocketAddress;
import dev.millrace.internal.spi.ListenAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Writes the bodies of commands that need more than their record. Loop thread only. */
final class BodyArea {
  private static final int ALIGNMENT = 8;

  /** As the system has it, without the zero behind a path. */
  private static final int MAX_PATH_BYTES = 107;

  private final ByteBuffer control;
  private int position;

  /** Bodies in a little-endian view of a control mapping. */
  BodyArea(ByteBuffer control) {
    this.control = control;
  }

  /** Whether a body of this length fits behind the others. */
  boolean fits(int length) {
    return length <= Records.BODIES_LENGTH - position;
  }

  /** Bytes in use, as the core is told. */
  int position() {
    return position;
  }

  /** All bodies are free again. */
  void reset() {
    position = 0;
  }

  /** Writes characters that are ISO-8859-1 and returns where the body begins in the area. */
  int put(String latin1) {
    int body = take(latin1.length());
    control.put(Records.BODIES_OFFSET + body, latin1.getBytes(StandardCharsets.ISO_8859_1));
    return body;
  }

  /** The length of the body that {@link #putListen} writes. */
  static int listenLength(ListenAddress address) {
    return Records.LISTEN_BODY_LENGTH + pathBytes(address).length;
  }

  /** Writes the body of {@code LISTEN} and returns where it begins in the area. */
  int putListen(ListenAddress address, SocketOptions options, int sharing) {
    byte[] path = pathBytes(address);
    int body = take(Records.LISTEN_BODY_LENGTH + path.length);
    int at = Records.BODIES_OFFSET + body;
    control.put(at, new byte[Records.LISTEN_BODY_LENGTH]);
    putOptions(at, options);
    control.putInt(at + Records.LISTEN_BACKLOG_OFFSET, options.backlog());
    control.putInt(at + Records.LISTEN_MODE_OFFSET, mode(options.unixMode()));
    InetSocketAddress tcp = address.tcp();
    if (tcp != null) {
      control.put(at + Records.LISTEN_SHARING_OFFSET, (byte) sharing);
      putTcp(at, tcp);
    } else {
      putLocal(at, path);
      control.put(at + Records.LISTEN_BODY_LENGTH, path);
    }
    return body;
  }

  /**
   * Why nothing can be connected to this address, which the caller asks first; null where that is
   * for the system to say.
   */
  static @Nullable String refusal(SocketAddress address) {
    if (address instanceof InetSocketAddress tcp) {
      return tcp.isUnresolved() ? "the host is not resolved" : null;
    }
    if (!(address instanceof UnixDomainSocketAddress || address instanceof AbstractSocketAddress)) {
      return "no address that is known: class=" + address.getClass().getName();
    }
    int length = pathBytes(address).length;
    return length == 0 || length > MAX_PATH_BYTES
        ? "path out of range: bytes=" + length + ", limits=1.." + MAX_PATH_BYTES
        : null;
  }

  /** The length of the body that {@link #putConnect} writes. */
  static int connectLength(SocketAddress address) {
    return Records.CONNECT_BODY_LENGTH + pathBytes(address).length;
  }

  /** Writes the body of {@code CONNECT} and returns where it begins in the area. */
  int putConnect(SocketAddress address, SocketOptions options, Duration timeout) {
    byte[] path = pathBytes(address);
    int body = take(Records.CONNECT_BODY_LENGTH + path.length);
    int at = Records.BODIES_OFFSET + body;
    control.put(at, new byte[Records.CONNECT_BODY_LENGTH]);
    putOptions(at, options);
    control.putLong(at + Records.CONNECT_TIMEOUT_OFFSET, Math.max(1, timeout.toNanos()));
    if (address instanceof InetSocketAddress tcp) {
      putTcp(at, tcp);
    } else {
      putLocal(at, path);
      control.put(at + Records.CONNECT_BODY_LENGTH, path);
    }
    return body;
  }

  private void putTcp(int at, InetSocketAddress tcp) {
    byte[] ip = tcp.getAddress().getAddress();
    control.put(at + Records.LISTEN_FAMILY_OFFSET, family(ip));
    control.putShort(at + Records.LISTEN_PORT_OFFSET, (short) tcp.getPort());
    control.put(at + Records.LISTEN_IP_OFFSET, ip);
  }

  /** All but the path itself. */
  private void putLocal(int at, byte[] path) {
    control.put(at + Records.LISTEN_FAMILY_OFFSET, (byte) Records.LOCAL);
    control.putInt(at + Records.LISTEN_PATH_LENGTH_OFFSET, path.length);
  }

  private void putOptions(int at, SocketOptions options) {
    control.putInt(at + Records.LISTEN_RECEIVE_BUFFER_OFFSET, options.receiveBufferBytes());
    control.putInt(at + Records.LISTEN_SEND_BUFFER_OFFSET, options.sendBufferBytes());
    // At most 15 characters: its last byte stays zero.
    String congestionControl = options.congestionControl().orElse("");
    control.put(
        at + Records.LISTEN_CONGESTION_OFFSET,
        congestionControl.getBytes(StandardCharsets.US_ASCII));
  }

  /** The bits of chmod(2): the permissions are declared in their order, read of the owner first. */
  private static int mode(Set<PosixFilePermission> permissions) {
    int mode = 0;
    for (PosixFilePermission permission : permissions) {
      mode |= 0400 >> permission.ordinal();
    }
    return mode;
  }

  private static byte family(byte[] ip) {
    return (byte) (ip.length == 4 ? Records.IPV4 : Records.IPV6);
  }

  private static byte[] pathBytes(ListenAddress address) {
    if (address.tcp() != null) {
      return new byte[0];
    }
    String name = address.abstractName();
    String path = name != null ? "\0" + name : Objects.requireNonNull(address.local()).toString();
    return path.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] pathBytes(SocketAddress address) {
    if (address instanceof AbstractSocketAddress name) {
      return ("\0" + name.name()).getBytes(StandardCharsets.UTF_8);
    }
    return address instanceof UnixDomainSocketAddress local
        ? local.getPath().toString().getBytes(StandardCharsets.UTF_8)
        : new byte[0];
  }

  private int take(int length) {
    if (!fits(length)) {
      throw new IllegalStateException(
          "body area is full: length=" + length + ", position=" + position);
    }
    int body = position;
    // The core reads whole words of a body.
    position = Math.min(Records.BODIES_LENGTH, body + length + ALIGNMENT - 1 & -ALIGNMENT);
    return body;
  }
}
