// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Link;
import dev.millrace.Message;
import dev.millrace.SendResult;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the link's connections have come to, for the thread that sends, and the one that waits for
 * the end. Its handler's methods may block, when nobody takes the output: they run on a thread of
 * their own.
 */
final class Session implements Handler {
  /**
   * With half of this waiting to be sent an engine does not read; when a server does as much, both
   * wait for ever. What is sent here stays far below.
   */
  static final long HIGH_WATER_MARK_BYTES = 64 << 20;

  private static final long MOST_BUFFERED_BYTES = 1 << 20;
  private static final long RETRY_MILLIS = 100;
  private static final long FULL_MILLIS = 2;

  private final Output output;
  private final Runnable opened;
  private @Nullable Link link;
  private @Nullable Connection connection;
  private @Nullable CloseReason reason;
  private boolean wasOpen;
  private boolean leaving;
  private int leavingCode = CloseCode.NORMAL_CLOSURE;
  private boolean ended;
  private boolean receiving;
  private long lastActivity = System.nanoTime();

  /**
   * A session.
   *
   * @param output where messages are shown
   * @param opened told of every new connection
   */
  Session(Output output, Runnable opened) {
    this.output = output;
    this.opened = opened;
  }

  synchronized void link(Link link) {
    this.link = link;
    if (leaving) {
      link.close();
    }
  }

  @Override
  public void onOpen(Connection connection) {
    synchronized (this) {
      this.connection = connection;
      wasOpen = true;
      notifyAll();
    }
    opened.run();
  }

  @Override
  public void onMessage(Connection connection, Message message) {
    receiving(true);
    try {
      output.received(message.kind(), message.payload());
    } catch (IOException e) {
      leave(); // nobody reads on, as behind `head -n 1`
    } finally {
      receiving(false);
    }
  }

  private synchronized void receiving(boolean receiving) {
    this.receiving = receiving;
    lastActivity = System.nanoTime();
    notifyAll();
  }

  @Override
  public synchronized void onWritable(Connection connection) {
    notifyAll();
  }

  @Override
  public synchronized void onClose(Connection connection, CloseReason reason) {
    this.connection = null;
    this.reason = reason;
    if (leaving && link != null) {
      link.close(); // a code of the user's own is none that a link ends with
    }
    notifyAll();
  }

  /** Waits until there is a connection; empty when there will be none. */
  synchronized Optional<Connection> awaitOpen() throws InterruptedException {
    while (connection == null && !ended && !leaving) {
      wait();
    }
    return Optional.ofNullable(connection);
  }

  synchronized Optional<Connection> connection() {
    return Optional.ofNullable(connection);
  }

  /** Sends, waiting while there is no connection or no room; false when it is too late. */
  boolean send(Payload payload) throws InterruptedException {
    boolean told = false;
    while (true) {
      Optional<Connection> open = awaitOpen();
      if (open.isEmpty()) {
        return false;
      }
      if (!told) {
        output.sent(payload.kind(), payload.bytes()); // before its answer
        told = true;
      }
      boolean full = open.get().bufferedBytes() > MOST_BUFFERED_BYTES;
      if (!full && payload.sendTo(open.get()) == SendResult.ACCEPTED) {
        return true;
      }
      synchronized (this) {
        if (leaving) {
          return false;
        }
        wait(full ? FULL_MILLIS : RETRY_MILLIS);
      }
    }
  }

  /** Waits until everything is sent and the peer was silent for a time, or has gone. */
  synchronized void awaitSilence(Duration silence) throws InterruptedException {
    lastActivity = System.nanoTime();
    while (!ended && !leaving) {
      if (receiving || connection == null || connection.bufferedBytes() > 0) {
        lastActivity = System.nanoTime();
      }
      long millis = silence.minusNanos(System.nanoTime() - lastActivity).toMillis();
      if (millis <= 0) {
        return;
      }
      wait(Math.min(millis, RETRY_MILLIS));
    }
  }

  /** Closes in order with 1000. */
  synchronized void leave() {
    if (!ended) {
      leaving = true;
      if (link != null) {
        link.close();
      }
      notifyAll();
    }
  }

  /**
   * Closes in order with a code.
   *
   * @throws IllegalArgumentException if they cannot be sent
   */
  synchronized void leave(int code, String text) {
    if (connection == null) {
      leave();
      return;
    }
    connection.close(code, text);
    leavingCode = leaving ? leavingCode : code;
    leaving = true;
    notifyAll();
  }

  synchronized void ended() {
    ended = true;
    notifyAll();
  }

  synchronized boolean wasOpen() {
    return wasOpen;
  }

  /** Whether it ended as the user had asked, and not over what the peer did at that time. */
  synchronized boolean hasLeft() {
    return leaving
        && reason != null
        && reason.initiator() == CloseReason.Initiator.LOCAL
        && reason.code() == leavingCode
        && reason.cause() == null;
  }

  synchronized boolean isLeaving() {
    return leaving;
  }

  /** How the last connection ended; empty if it has not, or there was none. */
  synchronized Optional<CloseReason> reason() {
    return Optional.ofNullable(connection == null ? reason : null);
  }
}
