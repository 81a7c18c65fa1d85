// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A blocking byte stream to a server, TCP or Unix, whose reads give up after the deadline. */
interface Wire extends AutoCloseable {

  InputStream in();

  /** Hands all of the bytes to the kernel, in one call where it takes them. */
  void write(byte[] bytes, int offset, int length) throws IOException;

  void shutdownOutput() throws IOException;

  /** Ends the connection with RST instead of FIN. */
  void reset() throws IOException;

  @Override
  void close() throws IOException;

  /** Connects to an address as {@code Server.addresses()} gives it. */
  static Wire to(URI address, int receiveBuffer) throws IOException {
    if (address.getScheme().endsWith("+unix")) {
      return new Unix(Path.of(address.getPath()));
    }
    return new Tcp(address, null, receiveBuffer);
  }

  /** A plain socket. */
  final class Tcp implements Wire {
    private final Socket socket = new Socket();

    Tcp(URI address, @Nullable SocketAddress from, int receiveBuffer) throws IOException {
      if (receiveBuffer > 0) {
        socket.setReceiveBufferSize(receiveBuffer); // before connect, or the window is agreed on
      }
      socket.setTcpNoDelay(true); // a cut in a test is to be a cut on the wire
      socket.setSoTimeout((int) Deadline.WAIT.toMillis());
      if (from != null) {
        socket.bind(from);
      }
      socket.connect(
          new InetSocketAddress(address.getHost(), address.getPort()),
          (int) Deadline.WAIT.toMillis());
    }

    @Override
    public InputStream in() {
      try {
        return socket.getInputStream();
      } catch (IOException closed) {
        throw new IllegalStateException(closed);
      }
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      socket.getOutputStream().write(bytes, offset, length);
    }

    @Override
    public void shutdownOutput() throws IOException {
      socket.shutdownOutput();
    }

    @Override
    public void reset() throws IOException {
      socket.setSoLinger(true, 0);
      socket.close();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  /** A Unix socket; Java gives it no read timeout, so reads wait in a selector. */
  final class Unix extends InputStream implements Wire {
    private final SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    private final Selector readable = Selector.open();
    private final Selector writable = Selector.open(); // one each: two threads may wait at once

    Unix(Path path) throws IOException {
      channel.connect(UnixDomainSocketAddress.of(path));
      channel.configureBlocking(false);
      channel.register(readable, SelectionKey.OP_READ);
      channel.register(writable, SelectionKey.OP_WRITE);
    }

    @Override
    public InputStream in() {
      return this;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      while (true) {
        int count = channel.read(ByteBuffer.wrap(bytes, offset, length));
        if (count != 0) {
          return count;
        }
        await(readable);
      }
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      ByteBuffer rest = ByteBuffer.wrap(bytes, offset, length);
      while (rest.hasRemaining()) {
        if (channel.write(rest) == 0) {
          await(writable);
        }
      }
    }

    private static void await(Selector selector) throws IOException {
      if (selector.select(Deadline.WAIT.toMillis()) == 0) {
        throw new InterruptedIOException("nothing happened within " + Deadline.WAIT);
      }
      selector.selectedKeys().clear();
    }

    @Override
    public void shutdownOutput() throws IOException {
      channel.shutdownOutput();
    }

    @Override
    public void reset() throws IOException {
      close();
    }

    @Override
    public void close() throws IOException {
      channel.close();
      readable.close();
      writable.close();
    }
  }
}
