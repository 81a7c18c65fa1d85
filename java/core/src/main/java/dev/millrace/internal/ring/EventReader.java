// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A flyweight over the events that the last {@code tick} wrote. Loop thread only. {@link
 * #wrap(int)} moves it; what it shows stays true until the next {@code tick}.
 */
public final class EventReader {
  private final ByteBuffer control;
  private int record;

  // The first word, read once: type, opcode, flags and slot.
  private long head;

  /** A reader over a control mapping; the buffer's own order is not touched. */
  public EventReader(ByteBuffer control) {
    this.control = control.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Moves to the event at {@code index} and returns this. */
  public EventReader wrap(int index) {
    record = Records.EVENTS_OFFSET + index * Records.RECORD_LENGTH;
    head = control.getLong(record);
    return this;
  }

  public int type() {
    return Records.type(head);
  }

  public int opcode() {
    return Records.opcode(head);
  }

  public int flags() {
    return Records.flags(head);
  }

  public boolean has(int flag) {
    return (flags() & flag) != 0;
  }

  public int slot() {
    return Records.slot(head);
  }

  public long address() {
    return control.getLong(record + Records.ADDRESS_OFFSET);
  }

  public int length() {
    return control.getInt(record + Records.LENGTH_OFFSET);
  }

  public int generation() {
    return control.getInt(record + Records.GENERATION_OFFSET);
  }

  public long auxiliary() {
    return control.getLong(record + Records.AUXILIARY_OFFSET);
  }
}
