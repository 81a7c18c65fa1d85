// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.protocol.ProtocolError;
import dev.millrace.internal.spi.LoopCounter;
import java.nio.ByteBuffer;

/**
 * Keeps the {@link Deadlines} of a stream, by one entry in the loop's heap: where that is set
 * earlier than need be it stays, and looks then. Nothing is held against a peer before the socket
 * was asked once more, because a handler may have kept the loop from what has lain there for long.
 * Loop thread only.
 */
final class Watch extends TimerHeap.Entry {
  private final Stream stream;
  private final NioLoop loop;
  private final Deadlines deadlines;

  Watch(Stream stream) {
    this.stream = stream;
    loop = stream.loop();
    deadlines = new Deadlines(loop.timeouts());
  }

  // ---- What the stream has seen.

  /** The phase must end in so many nanoseconds. */
  void endIn(long nanos) {
    deadlines.endIn(nanos, System.nanoTime());
    arm();
  }

  /** The connection is open. */
  void open() {
    deadlines.open(System.nanoTime());
    arm();
  }

  /** The connection closes, and must come to its end in time. */
  void close() {
    deadlines.close();
    endIn(loop.timeouts().close());
  }

  /** The stream has ended. */
  void end() {
    loop.timers().cancel(this);
  }

  /** Some bytes came. */
  void received() {
    deadlines.received();
  }

  /** A part of a message came, or went. */
  void moved() {
    if (deadlines.watchIdleness()) {
      deadlines.moved(System.nanoTime());
    }
  }

  /** Whether a ping could be answered: the peer is read from, and takes what is sent to it. */
  void setConversing(boolean converses) {
    if (converses == deadlines.isResting()) {
      deadlines.rest(!converses, System.nanoTime());
      arm();
    }
  }

  /** The socket was asked to take what is queued. */
  void flushed(boolean tookSome, boolean isBlocked) {
    if (isBlocked) {
      deadlines.blocked(tookSome, System.nanoTime());
      arm();
    } else {
      deadlines.unblocked();
    }
  }

  /** The application has sent a ping: some byte must follow in time. */
  void awaitPong() {
    deadlines.await(System.nanoTime());
    arm();
  }

  /** A pong came with this time. */
  void ponged(long payload, long now) {
    deadlines.ponged(payload, now);
    arm();
  }

  // ---- What has passed.

  private void arm() {
    long now = System.nanoTime();
    long left = deadlines.untilNext(now);
    if (left != Deadlines.NEVER) {
      loop.timers().setNoLater(this, now + left);
    }
  }

  @Override
  void expire() {
    Deadlines.Due due = deadlines.due(System.nanoTime());
    if (due != null) {
      act(due);
    }
    if (!stream.hasEnded()) {
      arm();
    }
  }

  private void act(Deadlines.Due due) {
    switch (due) {
      case END -> {
        stream.readOnce();
        if (isStill(due)) {
          stream.timeOut();
        }
      }
      case WRITE -> {
        stream.queue().flush();
        if (isStill(due)) {
          stream.cut(ProtocolError.NO_PROGRESS);
        }
      }
      case PONG -> {
        stream.readOnce();
        if (isStill(due)) {
          stream.cut(ProtocolError.NO_PONG);
        }
      }
      case IDLE -> {
        stream.readOnce();
        if (isStill(due)) {
          stream.fail(ProtocolError.IDLE);
        }
      }
      case PING -> ping();
    }
  }

  private boolean isStill(Deadlines.Due due) {
    return !stream.hasEnded() && deadlines.isPast(due, System.nanoTime());
  }

  /** A ping behind bytes that the socket does not take would measure nothing: it is left out. */
  private void ping() {
    if (!deadlines.beat(System.nanoTime())) {
      return;
    }
    SendQueue queue = stream.queue();
    if (!queue.isEmpty() && !queue.isBlocked()) {
      queue.flush(); // what the turn has brought so far
    }
    NioConnection connection = stream.connection();
    if (!stream.isOpen() || !queue.isEmpty() || connection == null) {
      return;
    }
    long now = System.nanoTime();
    byte[] payload = ByteBuffer.allocate(RoundTrip.PAYLOAD_LENGTH).putLong(0, now).array();
    if (queue.appendControl(Opcode.PING, payload, payload.length)) {
      loop.counters().increment(LoopCounter.PINGS_SENT);
      connection.onPing(now);
      deadlines.pinged(now);
    }
  }
}
