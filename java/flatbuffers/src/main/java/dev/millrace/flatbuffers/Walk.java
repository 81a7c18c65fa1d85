// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import static java.util.Objects.requireNonNull;

import dev.millrace.flatbuffers.Fault.Kind;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Goes through a buffer as a reader of every field would, and stops at the first thing that would
 * lead it out of the buffer. The rules, their order and the names of the faults are those of {@code
 * native/verify}; {@code docs/typed.md} has them.
 *
 * <p>Positions count from the start of the buffer and are compared before they are used; what has
 * not been compared yet is a {@code long}, so that no sum overflows. A walk that finds nothing
 * allocates nothing. One thread at a time.
 */
final class Walk {
  private static final VarHandle SHORT =
      MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int MIN_LENGTH = 12;
  private static final int MAX_LENGTH = Integer.MAX_VALUE - 1;
  private static final int IDENTIFIER_OFFSET = 4;
  private static final int VTABLE_HEADER = 4;
  private static final int MAX_FIELD_OFFSET = 0x7FFF;
  private static final int UTF8_BYTES_A_STEP = 16;
  private static final long SHARED_STEPS_A_BYTE = 4;
  private static final long NOT_ASCII = 0x8080_8080_8080_8080L;

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  private ByteBuffer buffer = NOTHING;
  private int start;
  private int length;
  private int maxDepth;
  private boolean checksUtf8;
  private int tablesLeft;
  private long workLeft;

  /** A fault on its way back to the root, which adds where it has come through. */
  private static final class Trace {
    private final Kind kind;
    private final StringBuilder path = new StringBuilder();

    Trace(Kind kind) {
      this.kind = kind;
    }

    Trace in(FieldShape field) {
      path.insert(0, field.name()).insert(0, '.');
      return this;
    }

    Trace at(int index) {
      path.insert(0, ']').insert(0, index).insert(0, '[');
      return this;
    }

    Fault toFault(TableShape root) {
      return new Fault(kind, root.nameWithoutNamespace() + path);
    }
  }

  /**
   * The first fault of a buffer, or null.
   *
   * @param shape what it must keep to
   * @param buffer read between these positions, whatever its own position, limit or order
   * @param start where the buffer begins
   * @param length how long it is; {@code buffer} is at least that long
   */
  @Nullable Fault firstFault(SchemaShape shape, ByteBuffer buffer, int start, int length) {
    this.buffer = buffer;
    this.start = start;
    this.length = length;
    maxDepth = shape.maxDepth();
    checksUtf8 = shape.checksUtf8();
    tablesLeft = shape.maxTables();
    // What has one place each takes a quarter of the length at most; what is shared, twenty times
    // that.
    workLeft = length + Math.min(shape.maxTables(), SHARED_STEPS_A_BYTE * length);
    try {
      Trace trace = message(shape);
      return trace == null ? null : trace.toFault(shape.root());
    } finally {
      this.buffer = NOTHING;
    }
  }

  private @Nullable Trace message(SchemaShape shape) {
    if (length < MIN_LENGTH) {
      return new Trace(Kind.BUFFER_TOO_SHORT);
    }
    if (length > MAX_LENGTH) {
      return new Trace(Kind.BUFFER_TOO_LONG);
    }
    if (shape.hasIdentifier() && int32(IDENTIFIER_OFFSET) != shape.identifier()) {
      return new Trace(Kind.WRONG_FILE_IDENTIFIER);
    }
    return root(shape.root(), 1);
  }

  private @Nullable Trace root(TableShape root, int depth) {
    long at = uint32(0);
    return at == 0 ? new Trace(Kind.ZERO_OFFSET) : table(at, root, depth);
  }

  private @Nullable Trace table(long position, TableShape type, int depth) {
    if (!isIn(position, Integer.BYTES)) {
      return new Trace(Kind.TABLE_PAST_END);
    }
    if ((position & Integer.BYTES - 1) != 0) {
      return new Trace(Kind.TABLE_MISALIGNED);
    }
    if (depth > maxDepth) {
      return new Trace(Kind.TOO_DEEP);
    }
    if (--tablesLeft < 0) {
      return new Trace(Kind.TOO_MANY_TABLES);
    }
    if (--workLeft < 0) {
      return new Trace(Kind.TOO_MUCH_WORK);
    }
    int at = (int) position;
    long vtablePosition = position - int32(at);
    if (!isIn(vtablePosition, Short.BYTES)) {
      return new Trace(Kind.VTABLE_PAST_END);
    }
    if ((vtablePosition & Short.BYTES - 1) != 0) {
      return new Trace(Kind.VTABLE_MISALIGNED);
    }
    int vtable = (int) vtablePosition;
    int size = uint16(vtable);
    if (size < VTABLE_HEADER || (size & 1) != 0 || size > MAX_FIELD_OFFSET) {
      return new Trace(Kind.VTABLE_MALFORMED);
    }
    if (!isIn(vtable, size)) {
      return new Trace(Kind.VTABLE_PAST_END);
    }
    for (FieldShape field : type.fields) {
      int slot = slot(vtable, size, field.offset());
      Trace trace =
          slot == 0
              ? absent(at, vtable, size, field)
              : present(at, vtable, size, slot, field, depth);
      if (trace != null) {
        return trace.in(field);
      }
    }
    return null;
  }

  /** Where a field lies in its table, 0 if it does not. */
  private int slot(int vtable, int size, int offset) {
    return offset < size ? uint16(vtable + offset) : 0;
  }

  private @Nullable Trace absent(int table, int vtable, int size, FieldShape field) {
    if (field.isRequired()) {
      return new Trace(Kind.REQUIRED_FIELD_MISSING);
    }
    boolean isMissing =
        switch (field.kind()) {
          case UNION -> memberOf(field, unionType(table, vtable, size, field)) != null;
          case UNIONS -> slot(vtable, size, field.typesOffset()) != 0;
          default -> false;
        };
    return isMissing ? new Trace(Kind.UNION_VALUE_MISSING) : null;
  }

  private @Nullable Trace present(
      int table, int vtable, int size, int slot, FieldShape field, int depth) {
    if (slot > MAX_FIELD_OFFSET) {
      return new Trace(Kind.FIELD_OFFSET_TOO_LARGE);
    }
    long position = (long) table + slot;
    if (!isIn(position, field.size())) {
      return new Trace(Kind.FIELD_PAST_END);
    }
    if ((position & field.alignment() - 1) != 0) {
      return new Trace(Kind.FIELD_MISALIGNED);
    }
    if (field.kind() == FieldShape.Kind.INLINE) {
      return null;
    }
    long offset = uint32((int) position);
    return offset == 0
        ? new Trace(Kind.ZERO_OFFSET)
        : reached(table, vtable, size, position + offset, field, depth);
  }

  private @Nullable Trace reached(
      int table, int vtable, int size, long target, FieldShape field, int depth) {
    return switch (field.kind()) {
      case INLINE -> null;
      case STRING -> string(target);
      case TABLE -> table(target, requireNonNull(field.target()), depth + 1);
      case VECTOR -> elements(target, field.elementSize(), field.elementAlignment());
      case STRINGS, TABLES -> vectorOfOffsets(target, field, depth);
      case UNION -> union(target, unionType(table, vtable, size, field), field, depth);
      case UNIONS -> vectorOfUnions(table, vtable, size, target, field, depth);
      case NESTED -> nested(target, requireNonNull(field.target()), depth);
    };
  }

  private @Nullable Trace string(long position) {
    if (!isIn(position, Integer.BYTES)) {
      return new Trace(Kind.STRING_PAST_END);
    }
    if ((position & Integer.BYTES - 1) != 0) {
      return new Trace(Kind.STRING_MISALIGNED);
    }
    long bytes = uint32((int) position);
    if (!isIn(position, Integer.BYTES + bytes)) {
      return new Trace(Kind.STRING_PAST_END);
    }
    long end = position + Integer.BYTES + bytes;
    if (!isIn(end, 1) || uint8((int) end) != 0) {
      return new Trace(Kind.STRING_NOT_TERMINATED);
    }
    return checksUtf8 ? utf8((int) position + Integer.BYTES, (int) end) : null;
  }

  private @Nullable Trace vector(long position, int elementSize) {
    if (!isIn(position, Integer.BYTES)) {
      return new Trace(Kind.VECTOR_PAST_END);
    }
    if ((position & Integer.BYTES - 1) != 0) {
      return new Trace(Kind.VECTOR_MISALIGNED);
    }
    // Both factors are below 2^32, so the product is exact but for its sign, which is none.
    long count = uint32((int) position);
    return count >= Integer.MAX_VALUE / elementSize
            || !isIn(position, Integer.BYTES + count * elementSize)
        ? new Trace(Kind.VECTOR_PAST_END)
        : null;
  }

  /** Scalars or structs: every builder aligns them, and readers in C++ may need it. */
  private @Nullable Trace elements(long position, int size, int alignment) {
    Trace outside = vector(position, size);
    if (outside != null) {
      return outside;
    }
    boolean isAligned =
        (position + Integer.BYTES & alignment - 1) == 0 || int32((int) position) == 0;
    return isAligned ? null : new Trace(Kind.VECTOR_MISALIGNED);
  }

  private @Nullable Trace vectorOfOffsets(long position, FieldShape field, int depth) {
    Trace outside = vector(position, Integer.BYTES);
    if (outside != null) {
      return outside;
    }
    int at = (int) position;
    int count = int32(at);
    workLeft -= count;
    if (workLeft < 0) {
      return new Trace(Kind.TOO_MUCH_WORK);
    }
    for (int i = 0; i < count; i++) {
      long element = position + Integer.BYTES + (long) i * Integer.BYTES;
      long offset = uint32((int) element);
      Trace trace =
          offset == 0
              ? new Trace(Kind.ZERO_OFFSET)
              : field.kind() == FieldShape.Kind.STRINGS
                  ? string(element + offset)
                  : table(element + offset, requireNonNull(field.target()), depth + 1);
      if (trace != null) {
        return trace.at(i);
      }
    }
    return null;
  }

  private @Nullable Trace union(long target, int type, FieldShape field, int depth) {
    if (type == 0) {
      return new Trace(Kind.UNION_TYPE_MISSING);
    }
    TableShape member = memberOf(field, type);
    if (member == null) {
      return isIn(target, 1) ? null : new Trace(Kind.UNION_VALUE_PAST_END);
    }
    return member(target, member, depth);
  }

  private @Nullable Trace member(long target, TableShape member, int depth) {
    if (UnionShape.isString(member)) {
      return string(target);
    }
    if (!member.isStruct) {
      return table(target, member, depth + 1);
    }
    if (!isIn(target, member.size)) {
      return new Trace(Kind.STRUCT_PAST_END);
    }
    return (target & member.alignment - 1) == 0 ? null : new Trace(Kind.STRUCT_MISALIGNED);
  }

  private @Nullable Trace vectorOfUnions(
      int table, int vtable, int size, long position, FieldShape field, int depth) {
    Trace outside = vector(position, Integer.BYTES);
    if (outside != null) {
      return outside;
    }
    // The field before this one, which has been walked.
    int slot = slot(vtable, size, field.typesOffset());
    if (slot == 0) {
      return new Trace(Kind.UNION_TYPE_MISSING);
    }
    int types = table + slot + int32(table + slot);
    int count = int32((int) position);
    if (int32(types) != count) {
      return new Trace(Kind.UNION_VECTORS_DIFFER);
    }
    workLeft -= count;
    if (workLeft < 0) {
      return new Trace(Kind.TOO_MUCH_WORK);
    }
    for (int i = 0; i < count; i++) {
      TableShape member = memberOf(field, uint8(types + Integer.BYTES + i));
      if (member != null) {
        long element = position + Integer.BYTES + (long) i * Integer.BYTES;
        long offset = uint32((int) element);
        Trace trace =
            offset == 0 ? new Trace(Kind.ZERO_OFFSET) : member(element + offset, member, depth);
        if (trace != null) {
          return trace.at(i);
        }
      }
    }
    return null;
  }

  private @Nullable Trace nested(long position, TableShape root, int depth) {
    Trace outside = vector(position, 1);
    if (outside != null) {
      return outside;
    }
    int count = int32((int) position);
    if (count < MIN_LENGTH) {
      return new Trace(Kind.BUFFER_TOO_SHORT);
    }
    int outerStart = start;
    int outerLength = length;
    start += (int) position + Integer.BYTES;
    length = count;
    Trace trace = root(root, depth + 1);
    start = outerStart;
    length = outerLength;
    return trace;
  }

  /** 0 for none. The field before this one, which has been walked. */
  private int unionType(int table, int vtable, int size, FieldShape field) {
    int slot = slot(vtable, size, field.typesOffset());
    return slot == 0 ? 0 : uint8(table + slot);
  }

  private static @Nullable TableShape memberOf(FieldShape field, int type) {
    return requireNonNull(field.union()).member(type);
  }

  // ---- UTF-8.

  private @Nullable Trace utf8(int from, int to) {
    workLeft -= (to - from) / UTF8_BYTES_A_STEP;
    if (workLeft < 0) {
      return new Trace(Kind.TOO_MUCH_WORK);
    }
    int at = from;
    while (at < to) {
      if (to - at >= Long.BYTES && (int64(at) & NOT_ASCII) == 0) {
        at += Long.BYTES;
      } else {
        int bytes = sequence(at, to);
        if (bytes == 0) {
          return new Trace(Kind.STRING_NOT_UTF8);
        }
        at += bytes;
      }
    }
    return null;
  }

  /** The length of the well-formed sequence there (Unicode, table 3-7), 0 if it is none. */
  private int sequence(int at, int to) {
    int first = uint8(at);
    if (first < 0x80) {
      return 1;
    }
    int bytes = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (bytes == 0 || to - at < bytes) {
      return 0;
    }
    int second = uint8(at + 1);
    int lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    int highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (second < lowest || second > highest) {
      return 0;
    }
    for (int i = 2; i < bytes; i++) {
      if ((uint8(at + i) & 0xC0) != 0x80) {
        return 0;
      }
    }
    return bytes;
  }

  // ---- Bytes.

  /** Whether so many bytes lie there; no part is the whole buffer, as in flatc's own verifier. */
  private boolean isIn(long position, long bytes) {
    return bytes < length && position >= 0 && position <= length - bytes;
  }

  private int uint8(int at) {
    return buffer.get(start + at) & 0xFF;
  }

  private int uint16(int at) {
    return (short) SHORT.get(buffer, start + at) & 0xFFFF;
  }

  private int int32(int at) {
    return (int) INT.get(buffer, start + at);
  }

  private long uint32(int at) {
    return int32(at) & 0xFFFF_FFFFL;
  }

  private long int64(int at) {
    return (long) LONG.get(buffer, start + at);
  }
}
