// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** A received message that lies in a lease of its own: valid on one thread until it is given up. */
final class LeasedMessage implements Message {

  private final Lease lease;
  private final Thread owner;
  private volatile boolean retained;
  private volatile boolean valid = true;

  LeasedMessage(Lease lease, Thread owner) {
    this.lease = lease;
    this.owner = owner;
  }

  boolean isOwn() {
    return Thread.currentThread() == owner;
  }

  /** Ends it, on any thread; its memory goes with it unless it was retained. */
  void giveUp() {
    valid = false;
    if (!retained) {
      lease.close();
    }
  }

  private void requireValid() {
    if (!isOwn()) {
      throw new IllegalStateException(
          "the message belongs to the thread that received it: owner=" + owner.getName());
    }
    if (!valid) {
      throw new IllegalStateException(
          "the message is no longer valid: another was received; retain() it to keep it");
    }
  }

  @Override
  public Kind kind() {
    requireValid();
    return lease.kind();
  }

  @Override
  public int length() {
    requireValid();
    return lease.length();
  }

  @Override
  public ByteBuffer payload() {
    requireValid();
    return lease.buffer().slice(lease.offset(), lease.length()).asReadOnlyBuffer();
  }

  @Override
  public String text() {
    return new String(toByteArray(), StandardCharsets.UTF_8);
  }

  @Override
  public byte[] toByteArray() {
    requireValid();
    byte[] copy = new byte[lease.length()];
    lease.buffer().get(lease.offset(), copy);
    return copy;
  }

  @Override
  public Lease retain() {
    requireValid();
    if (retained) {
      throw new IllegalStateException("retained before: its one lease was handed out");
    }
    retained = true;
    return lease;
  }
}
