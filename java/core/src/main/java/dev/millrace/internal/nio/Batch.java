// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Batching;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.spi.LoopCounter;

/**
 * What a stream has queued over several turns, to be sent at once. It leaves at the end of the turn
 * that fills it, or in which its time has come, which this entry of the loop's heap stands for. A
 * control frame waits for nothing and takes along what is queued in front of it. More than the low
 * mark is not kept: it would stop reads. Loop thread only.
 */
final class Batch extends TimerHeap.Entry {
  private final Stream stream;
  private final NioLoop loop;
  private final int maxMessages;
  private final long maxBytes;
  private final long delayNanos;

  // Since the queue was last flushed; those of them that an earlier turn has kept.
  private int messages;
  private int kept;
  private boolean isDue;
  // In this turn.
  private boolean added;

  Batch(Stream stream, Batching batching) {
    this.stream = stream;
    loop = stream.loop();
    maxMessages = batching.maxMessages();
    maxBytes = Math.min(batching.maxBytes(), loop.limits().lowWaterMarkBytes() + 1);
    delayNanos = batching.maxDelay().toNanos();
  }

  /** A frame is queued. */
  void add(int opcode) {
    added = true;
    if (Opcode.isControl(opcode)) {
      isDue = true;
    } else if (messages++ == 0) {
      loop.timers().set(this, System.nanoTime() + delayNanos);
    }
  }

  /** Nothing of it waits any longer. */
  void release() {
    isDue = true;
  }

  /** At the end of a turn: whether what is queued, so many bytes, waits for more. */
  boolean keeps(long bytes) {
    if (messages == 0 || isDue || messages >= maxMessages || bytes >= maxBytes) {
      return false;
    }
    countSaved();
    loop.counters().add(LoopCounter.MESSAGES_BATCHED, messages - kept);
    kept = messages;
    return true;
  }

  /** What a turn adds to what earlier ones have kept would have been a send of its own. */
  private void countSaved() {
    if (added && kept > 0) {
      loop.counters().increment(LoopCounter.SENDS_SAVED);
    }
    added = false;
  }

  /** The socket was asked to take everything. */
  void leave() {
    countSaved();
    clear();
  }

  /** Nothing of it waits any more. */
  void clear() {
    messages = 0;
    kept = 0;
    isDue = false;
    added = false;
    loop.timers().cancel(this);
  }

  @Override
  void expire() {
    isDue = true;
    loop.markDirty(stream);
  }
}
