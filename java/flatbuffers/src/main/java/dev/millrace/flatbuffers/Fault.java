// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

/**
 * Why a buffer must not be read, and where: the first fault that {@link Schema#verify} meets, in
 * the order of the fields' ids. Immutable.
 *
 * <p>A path begins with the name of the root table and goes on by the schema's names and by
 * positions in vectors: {@code Order.legs[3].symbol}. The member of a union and the root of a
 * nested buffer add nothing to it.
 */
public final class Fault {

  /** What is wrong; docs/typed.md has the rules. */
  public enum Kind {
    /** Not even the header and an empty table. */
    BUFFER_TOO_SHORT("buffer too short"),
    /** Longer than offsets can reach, 2 GiB. */
    BUFFER_TOO_LONG("buffer too long"),
    /** The schema has a file identifier, and the buffer another or none. */
    WRONG_FILE_IDENTIFIER("wrong file identifier"),
    /** A table would begin outside the buffer. */
    TABLE_PAST_END("table past end"),
    /** A table does not begin at a multiple of 4. */
    TABLE_MISALIGNED("table misaligned"),
    /** Tables in tables beyond {@link Schema#maxDepth()}. */
    TOO_DEEP("too deep"),
    /** More tables than {@link Schema#maxTables()}. */
    TOO_MANY_TABLES("too many tables"),
    /** Parts that share parts, so that a small buffer would take very long to read. */
    TOO_MUCH_WORK("takes too long to check"),
    /** A vtable does not lie within the buffer. */
    VTABLE_PAST_END("vtable past end"),
    /** A vtable does not begin at a multiple of 2. */
    VTABLE_MISALIGNED("vtable misaligned"),
    /** The length of a vtable is none. */
    VTABLE_MALFORMED("vtable malformed"),
    /** A field that the schema requires is absent. */
    REQUIRED_FIELD_MISSING("required field missing"),
    /** A field lies farther from its table than readers can tell. */
    FIELD_OFFSET_TOO_LARGE("field offset too large"),
    /** A field does not lie within the buffer. */
    FIELD_PAST_END("field past end"),
    /** A field does not begin at a multiple of its alignment. */
    FIELD_MISALIGNED("field misaligned"),
    /** An offset that points at itself. */
    ZERO_OFFSET("offset is zero"),
    /** A vector does not lie within the buffer. */
    VECTOR_PAST_END("vector past end"),
    /** A vector does not begin at a multiple of 4, or its elements not at one of theirs. */
    VECTOR_MISALIGNED("vector misaligned"),
    /** A string does not lie within the buffer. */
    STRING_PAST_END("string past end"),
    /** A string does not begin at a multiple of 4. */
    STRING_MISALIGNED("string misaligned"),
    /** No zero byte behind a string. */
    STRING_NOT_TERMINATED("string not terminated"),
    /** A string is malformed; looked for on demand, see {@link Schema#withUtf8Check}. */
    STRING_NOT_UTF8("string is not UTF-8"),
    /** A struct in a union does not lie within the buffer. */
    STRUCT_PAST_END("struct past end"),
    /** A struct in a union does not begin at a multiple of its alignment. */
    STRUCT_MISALIGNED("struct misaligned"),
    /** A union has a type and no value. */
    UNION_VALUE_MISSING("union value missing"),
    /** A union has a value and no type. */
    UNION_TYPE_MISSING("union type missing"),
    /** The value of a union, of a type unknown to the schema, does not lie within the buffer. */
    UNION_VALUE_PAST_END("union value past end"),
    /** A vector of unions has more types than values, or fewer. */
    UNION_VECTORS_DIFFER("union vectors differ in length");

    private final String text;

    Kind(String text) {
      this.text = text;
    }

    /**
     * The words for it.
     *
     * @return as in "string past end"
     */
    public String text() {
      return text;
    }
  }

  private final Kind kind;
  private final String path;

  Fault(Kind kind, String path) {
    this.kind = kind;
    this.path = path;
  }

  /**
   * What is wrong.
   *
   * @return the kind
   */
  public Kind kind() {
    return kind;
  }

  /**
   * Where it is wrong.
   *
   * @return the path, as in {@code Order.legs[3].symbol}
   */
  public String path() {
    return path;
  }

  /** Both, as in "Order.legs[3].symbol: string past end". */
  @Override
  public String toString() {
    return path + ": " + kind.text();
  }
}
