// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.LogText;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * A path and who asked for it: what is kept of a request that had nothing else. The peer's address
 * is kept as its bytes, a quarter of what the objects take that it is asked for as.
 */
abstract class PlainHandshake implements Handshake {
  private final String path;

  private PlainHandshake(String path) {
    this.path = path;
  }

  static PlainHandshake of(String path, SocketAddress remote) {
    if (remote instanceof InetSocketAddress inet) {
      InetAddress ip = inet.getAddress();
      if (ip instanceof Inet4Address) {
        return new Ipv4(path, ip.getAddress(), inet.getPort());
      }
      if (ip instanceof Inet6Address six && !isScoped(six)) {
        return new Ipv6(path, ip.getAddress(), inet.getPort());
      }
    }
    return new Other(path, remote);
  }

  private static boolean isScoped(Inet6Address ip) {
    return ip.getScopeId() != 0 || ip.getScopedInterface() != null;
  }

  @Override
  public final String path() {
    return path;
  }

  @Override
  public final Optional<String> query() {
    return Optional.empty();
  }

  @Override
  public final Map<String, String> parameters() {
    return Map.of();
  }

  @Override
  public final Optional<String> header(String name) {
    Objects.requireNonNull(name, "name");
    return Optional.empty();
  }

  @Override
  public final Optional<String> subprotocol() {
    return Optional.empty();
  }

  @Override
  public final Map<String, Object> attributes() {
    return Map.of();
  }

  @Override
  public final String toString() {
    return "Handshake[path=" + LogText.of(path) + ", remoteAddress=" + remoteAddress() + "]";
  }

  private static InetSocketAddress address(ByteBuffer ip, int port) {
    try {
      return new InetSocketAddress(InetAddress.getByAddress(ip.array()), port);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("4 and 16 bytes are the lengths of addresses", e);
    }
  }

  private static final class Ipv4 extends PlainHandshake {
    private final int ip;
    private final char port;

    Ipv4(String path, byte[] ip, int port) {
      super(path);
      this.ip = ByteBuffer.wrap(ip).getInt();
      this.port = (char) port;
    }

    @Override
    public SocketAddress remoteAddress() {
      return address(ByteBuffer.allocate(Integer.BYTES).putInt(ip), port);
    }
  }

  private static final class Ipv6 extends PlainHandshake {
    private final long upper;
    private final long lower;
    private final char port;

    Ipv6(String path, byte[] ip, int port) {
      super(path);
      ByteBuffer bytes = ByteBuffer.wrap(ip);
      upper = bytes.getLong();
      lower = bytes.getLong();
      this.port = (char) port;
    }

    @Override
    public SocketAddress remoteAddress() {
      return address(ByteBuffer.allocate(2 * Long.BYTES).putLong(upper).putLong(lower), port);
    }
  }

  private static final class Other extends PlainHandshake {
    private final SocketAddress remote;

    Other(String path, SocketAddress remote) {
      super(path);
      this.remote = remote;
    }

    @Override
    public SocketAddress remoteAddress() {
      return remote;
    }
  }
}
