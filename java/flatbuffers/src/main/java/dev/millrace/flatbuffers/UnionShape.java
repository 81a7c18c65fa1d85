// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import org.jspecify.annotations.Nullable;

/** The members of a union by their type, which is a byte. */
final class UnionShape {
  static final int TYPES = 256;

  private static final TableShape STRING = TableShape.table("string");

  private final @Nullable TableShape[] members = new @Nullable TableShape[TYPES];

  /** Type 0 is NONE and never a member. */
  void add(int type, TableShape member) {
    members[type] = member;
  }

  void addString(int type) {
    members[type] = STRING;
  }

  /** Null for types that the schema does not know. */
  @Nullable TableShape member(int type) {
    return members[type];
  }

  static boolean isString(TableShape member) {
    return member == STRING;
  }
}
