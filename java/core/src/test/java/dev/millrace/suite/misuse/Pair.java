// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import java.nio.ByteBuffer;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A connection of a server and its peer, a client's. Every byte that its application sends is the
 * pair's letter; what arrives must be that, or of a pair whose bytes were sent here on purpose.
 */
final class Pair {
  private static final String LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  private static final int FREED = 0xDB;

  /** Something to do in a handler. */
  interface InHandler {
    void run(Side side, Message message, long origins);
  }

  /** One end of it. */
  final class Side implements Handler {
    private final CountDownLatch opened = new CountDownLatch(1);
    private final Queue<InHandler> onMessage = new ConcurrentLinkedQueue<>();
    private final Queue<InHandler> onClose = new ConcurrentLinkedQueue<>();
    private volatile Connection connection;
    private volatile boolean ended;

    @Override
    public String toString() {
      return (this == server ? "server " : "client ")
          + number
          + ' '
          + connection
          + ", open="
          + connection.isOpen()
          + ", buffered="
          + connection.bufferedBytes();
    }

    Pair pair() {
      return Pair.this;
    }

    Connection connection() {
      return connection;
    }

    Side peer() {
      return this == server ? client : server;
    }

    void awaitOpen() throws InterruptedException {
      dev.millrace.suite.Deadline.await(opened, "onOpen");
    }

    boolean hasEnded() {
      return ended;
    }

    /** In its next handler of a message, which the peer causes; false if that cannot be. */
    boolean runInHandler(InHandler action) {
      onMessage.add(action);
      SendOptions promised = SendOptions.defaults(); // whatever the connection's own are
      if (peer().connection.send(String.valueOf(letter), promised) == SendResult.ACCEPTED) {
        return true;
      }
      return !onMessage.remove(action);
    }

    void runAtEnd(InHandler action) {
      onClose.add(action);
    }

    boolean hasWork() {
      return !onMessage.isEmpty();
    }

    /** What no handler has done. */
    void runLeft() {
      for (InHandler action = onMessage.poll(); action != null; action = onMessage.poll()) {
        action.run(this, null, 0);
      }
    }

    @Override
    public void onOpen(Connection connection) {
      this.connection = connection;
      world.sideOpened(this);
      opened.countDown();
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      check(message.payload(), message.kind() == Message.Kind.TEXT);
      InHandler action = onMessage.poll();
      if (action != null) {
        action.run(this, message, allowed.get());
      }
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      for (InHandler action = onClose.poll(); action != null; action = onClose.poll()) {
        action.run(this, null, 0);
      }
      ended = true;
      world.sideEnded(this);
    }
  }

  private final World world;
  private final int number;
  private final char letter;
  private final AtomicLong allowed;
  private final Side server = new Side();
  private final Side client = new Side();

  Pair(World world, int number) {
    this.world = world;
    this.number = number;
    letter = LETTERS.charAt(number % LETTERS.length());
    allowed = new AtomicLong(bit());
  }

  private static long bitOf(int letter) {
    return 1L << LETTERS.indexOf(letter);
  }

  long bit() {
    return bitOf(letter);
  }

  char letter() {
    return letter;
  }

  int number() {
    return number;
  }

  Side server() {
    return server;
  }

  Side client() {
    return client;
  }

  /** Bytes of these pairs are about to be sent here. */
  void allow(long origins) {
    allowed.getAndUpdate(before -> before | origins);
  }

  /** A bit for each pair whose bytes may be met here. */
  long allowed() {
    return allowed.get();
  }

  /** Whether it can serve another sequence. */
  boolean isClean() {
    return allowed.get() == bit()
        && server.connection.isOpen()
        && client.connection.isOpen()
        && !server.ended
        && !client.ended;
  }

  private void check(ByteBuffer payload, boolean isText) {
    long seen = 0;
    for (int at = 0; at < payload.limit(); at++) {
      int octet = payload.get(at) & 0xFF;
      if (LETTERS.indexOf(octet) >= 0) {
        seen |= bitOf(octet);
      } else if (isText || octet != 0 && octet != FREED) {
        world.fail(new AssertionError("a byte that nobody sent: " + octet + ", at=" + at));
        return;
      }
    }
    if ((seen & ~allowed.get()) != 0) {
      world.fail(
          new AssertionError(
              "bytes of another pair: own=" + letter + ", seen=" + Long.toBinaryString(seen)));
    }
  }
}
