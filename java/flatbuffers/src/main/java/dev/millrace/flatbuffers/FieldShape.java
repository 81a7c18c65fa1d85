// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import org.jspecify.annotations.Nullable;

/**
 * What the walk must know of a field of a table.
 *
 * @param name as in the schema
 * @param offset in the vtable
 * @param kind what lies there
 * @param size of what lies in the table itself
 * @param alignment of what lies in the table itself
 * @param isRequired whether it must be present
 * @param elementSize of a vector's elements
 * @param elementAlignment of a vector's elements, where they are scalars or structs
 * @param target the table, the elements' table or the nested buffer's root
 * @param union of a union, or of a vector of them; its types are the field before
 */
record FieldShape(
    String name,
    int offset,
    Kind kind,
    int size,
    int alignment,
    boolean isRequired,
    int elementSize,
    int elementAlignment,
    @Nullable TableShape target,
    @Nullable UnionShape union) {

  enum Kind {
    /** A scalar or a struct: nothing beyond the table. */
    INLINE,
    STRING,
    TABLE,
    /** Of scalars or structs. */
    VECTOR,
    STRINGS,
    TABLES,
    UNION,
    UNIONS,
    /** A vector of bytes that is a buffer of its own. */
    NESTED
  }

  static FieldShape inline(String name, int offset, int size, int alignment, boolean isRequired) {
    return new FieldShape(name, offset, Kind.INLINE, size, alignment, isRequired, 0, 1, null, null);
  }

  /** What is reached by an offset; vectors have offsets as their elements. */
  static FieldShape reached(
      String name,
      int offset,
      Kind kind,
      boolean isRequired,
      @Nullable TableShape target,
      @Nullable UnionShape union) {
    int bytes = Integer.BYTES;
    return new FieldShape(
        name, offset, kind, bytes, bytes, isRequired, bytes, bytes, target, union);
  }

  /** A vector of scalars or structs. */
  static FieldShape vector(
      String name, int offset, boolean isRequired, int elementSize, int elementAlignment) {
    int bytes = Integer.BYTES;
    return new FieldShape(
        name,
        offset,
        Kind.VECTOR,
        bytes,
        bytes,
        isRequired,
        elementSize,
        elementAlignment,
        null,
        null);
  }

  /** A vector of bytes that is a buffer of its own. */
  static FieldShape nested(String name, int offset, boolean isRequired, TableShape root) {
    return new FieldShape(
        name, offset, Kind.NESTED, Integer.BYTES, Integer.BYTES, isRequired, 1, 1, root, null);
  }

  /** Where the types of a union stand in the vtable. */
  int typesOffset() {
    return offset - 2;
  }
}
