// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.HandshakeResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/**
 * A first exchange, with itself, before there are peers. The JDK opens descriptors of its own when
 * some of its classes are first used, to write, to close, to make a digest; who comes to that with
 * all descriptors used up would find these classes broken for good.
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
      one.configureBlocking(false).register(selector, SelectionKey.OP_CONNECT);
      if (!one.connect(listener.getLocalAddress())) {
        selector.select(key -> {}, CONNECT_MILLIS);
        if (!one.finishConnect()) {
          throw new SocketTimeoutException("not even this machine answers itself");
        }
      }
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
