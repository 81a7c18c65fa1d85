// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import com.google.flatbuffers.Table;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A table read by the position of its fields, as generated code would by their names. */
final class NoteTable extends Table {

  private NoteTable(int position, ByteBuffer buffer) {
    __reset(position, buffer);
  }

  static NoteTable root(ByteBuffer buffer) {
    buffer.order(ByteOrder.LITTLE_ENDIAN);
    return new NoteTable(buffer.getInt(0), buffer);
  }

  int number(int field) {
    int offset = __offset(4 + 2 * field);
    return offset == 0 ? 0 : bb.getInt(bb_pos + offset);
  }

  String text(int field) {
    int offset = __offset(4 + 2 * field);
    return offset == 0 ? "" : __string(bb_pos + offset);
  }
}
