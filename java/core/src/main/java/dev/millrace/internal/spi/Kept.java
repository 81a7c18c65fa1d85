// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.SendOptions;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A message that waits in a {@link Backlog}: one reference to memory of its engine, and its place
 * in the queue. What is here belongs to the backlog and is read and written under its lock.
 */
public abstract class Kept {
  /** What the smallest counts: its block, and this object. */
  private static final int MIN_BYTES = 256;

  private final int length;
  private final long bytes;

  // Where it stands: counted upwards, and taken over by what replaces it.
  long place;
  int priority;
  boolean isDroppable;
  @Nullable String key;
  @Nullable CompletableFuture<Void> sent;
  @Nullable Kept previous;
  @Nullable Kept next;

  /**
   * A message in memory of its own.
   *
   * @param length bytes of payload
   * @param capacity bytes that it pins
   */
  protected Kept(int length, long capacity) {
    this.length = length;
    bytes = Math.max(MIN_BYTES, capacity);
  }

  /** Gives its memory back, because it will not be sent. Any thread. */
  protected abstract void release();

  /**
   * Bytes of payload.
   *
   * @return the length
   */
  public final int length() {
    return length;
  }

  /** What it counts towards the marks. */
  final long bytes() {
    return bytes;
  }

  /** What a peer is sent for it, at most. */
  final long frameLength() {
    return frameLength(length);
  }

  private static long frameLength(int length) {
    return length + (length <= 125 ? 2L : length <= 0xFFFF ? 4L : 10L);
  }

  final void sendAs(SendOptions options) {
    priority = options.priority();
    key = options.replacementKey().orElse(null);
    isDroppable =
        key != null
            || options.policy() == SendOptions.Policy.DROP_OLDEST
            || options.policy() == SendOptions.Policy.DROP_LOWER_PRIORITY;
  }
}
