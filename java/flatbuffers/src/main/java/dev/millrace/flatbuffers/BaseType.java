// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

/** The base types of {@code reflection.fbs}, by their number. */
final class BaseType {
  static final int NONE = 0;
  static final int UNION_TYPE = 1;
  static final int UNSIGNED_BYTE = 4;
  static final int DOUBLE = 12;
  static final int STRING = 13;
  static final int VECTOR = 14;
  static final int OBJECT = 15;
  static final int UNION = 16;

  /** Of UType, Bool, Byte, UByte, Short, UShort, Int, UInt, Long, ULong, Float, Double. */
  private static final int[] SCALAR_SIZES = {0, 1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8};

  private BaseType() {}

  static boolean isScalar(int type) {
    return type >= UNION_TYPE && type <= DOUBLE;
  }

  static int sizeOfScalar(int type) {
    return SCALAR_SIZES[type];
  }
}
