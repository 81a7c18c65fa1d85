// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.HandshakeResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/**
 * A first exchange, with itself, before a server takes peers. The JDK opens descriptors of its own
 * when some of its classes are first used, to write, to close, to make a digest; a server that
 * comes to that with its descriptors used up would find these classes broken for good.
 */
final class Rehearsal {
  private static final int CONNECT_MILLIS = 1000;

  private static boolean done;

  private Rehearsal() {}

  /** Once in a process. */
  static synchronized void run() {
    if (done) {
      return;
    }
    done = true;
    HandshakeResponse.accept("", "");
    try {
      exchange();
    } catch (IOException e) {
      // A machine without loopback: then it learns on the stage.
    }
  }

  private static void exchange() throws IOException {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (Selector selector = Selector.open();
        ServerSocketChannel listener = ServerSocketChannel.open().bind(any, 1);
        SocketChannel one = SocketChannel.open()) {
      one.socket().connect(listener.getLocalAddress(), CONNECT_MILLIS);
      listener.configureBlocking(false);
      exchange(selector, one, listener.accept());
    }
  }

  private static void exchange(Selector selector, SocketChannel one, @Nullable SocketChannel other)
      throws IOException {
    try (other) {
      ByteBuffer bytes = ByteBuffer.allocateDirect(1);
      one.write(bytes);
      one.write(new ByteBuffer[] {bytes.duplicate().clear(), bytes.duplicate().clear()});
      if (other != null) {
        other.configureBlocking(false).register(selector, SelectionKey.OP_READ);
        selector.wakeup();
        selector.select(key -> {});
        other.read(bytes.clear());
      }
      one.shutdownOutput();
    }
  }
}
