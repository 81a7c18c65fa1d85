// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * The bytes of a binary schema that has passed the walk of {@link ReflectionShape}. Tables, vectors
 * and strings are known by their positions; 0 stands for one that is absent.
 */
final class BinarySchema {
  /** More than the names of any schema take, if none is part of another. */
  private static final long MAX_NAME_BYTES = 64 << 20;

  private final ByteBuffer bytes;
  private final Map<Integer, String> names = new HashMap<>();
  private long nameBytes;

  BinarySchema(byte[] bfbs) {
    bytes = ByteBuffer.wrap(bfbs).order(ByteOrder.LITTLE_ENDIAN);
  }

  int root() {
    return bytes.getInt(0);
  }

  int table(int table, int field) {
    int at = field(table, field);
    return at == 0 ? 0 : at + bytes.getInt(at);
  }

  int count(int vector) {
    return vector == 0 ? 0 : bytes.getInt(vector);
  }

  /** A table of a vector of tables. */
  int element(int vector, int index) {
    int at = vector + Integer.BYTES + index * Integer.BYTES;
    return at + bytes.getInt(at);
  }

  boolean isTrue(int table, int field) {
    return int8(table, field) != 0;
  }

  int int8(int table, int field) {
    int at = field(table, field);
    return at == 0 ? 0 : bytes.get(at);
  }

  int uint16(int table, int field) {
    int at = field(table, field);
    return at == 0 ? 0 : bytes.getShort(at) & 0xFFFF;
  }

  int int32(int table, int field, int absent) {
    int at = field(table, field);
    return at == 0 ? absent : bytes.getInt(at);
  }

  long int64(int table, int field) {
    int at = field(table, field);
    return at == 0 ? 0 : bytes.getLong(at);
  }

  /** Empty when it is absent. */
  String string(int table, int field) {
    int at = table(table, field);
    if (at == 0) {
      return "";
    }
    String known = names.get(at);
    if (known == null) {
      int length = bytes.getInt(at);
      nameBytes += length;
      if (nameBytes > MAX_NAME_BYTES) {
        throw new IllegalArgumentException(
            "not a usable binary schema: names lie within names, limit=" + MAX_NAME_BYTES);
      }
      known = new String(bytes.array(), at + Integer.BYTES, length, StandardCharsets.UTF_8);
      names.put(at, known);
    }
    return known;
  }

  private int field(int table, int field) {
    int vtable = table - bytes.getInt(table);
    int size = bytes.getShort(vtable);
    int slot = field < size ? bytes.getShort(vtable + field) : 0;
    return slot == 0 ? 0 : table + slot;
  }
}
