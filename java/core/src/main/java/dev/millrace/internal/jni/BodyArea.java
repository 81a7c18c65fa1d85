// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.SocketOptions;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.ListenAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Objects;
import java.util.Set;

/** Writes the bodies of commands that need more than their record. Loop thread only. */
final class BodyArea {
  private static final int ALIGNMENT = 8;

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
    InetSocketAddress tcp = address.tcp();
    if (tcp != null) {
      byte[] ip = tcp.getAddress().getAddress();
      control.put(at + Records.LISTEN_FAMILY_OFFSET, family(ip));
      control.put(at + Records.LISTEN_SHARING_OFFSET, (byte) sharing);
      control.putShort(at + Records.LISTEN_PORT_OFFSET, (short) tcp.getPort());
      control.put(at + Records.LISTEN_IP_OFFSET, ip);
    } else {
      control.put(at + Records.LISTEN_FAMILY_OFFSET, (byte) Records.LOCAL);
      control.putInt(at + Records.LISTEN_PATH_LENGTH_OFFSET, path.length);
      control.put(at + Records.LISTEN_BODY_LENGTH, path);
    }
    return body;
  }

  private void putOptions(int at, SocketOptions options) {
    control.putInt(at + Records.LISTEN_BACKLOG_OFFSET, options.backlog());
    control.putInt(at + Records.LISTEN_MODE_OFFSET, mode(options.unixMode()));
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
