// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.flatbuffers.FieldShape.Kind;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Turns a binary schema into shapes. Binary schemas are input like any other: they are walked
 * before they are read, and what the walk could not follow is refused here.
 */
final class SchemaLoader {
  private static final int MAX_LENGTH = 16 << 20;
  private static final int MAX_DEFINITIONS = 65_535;
  private static final int MAX_MEMBERS = 1_000_000;
  private static final int MAX_NAME_LENGTH = 512;
  private static final int FIRST_FIELD_OFFSET = 4;
  private static final int LAST_FIELD_OFFSET = 0x7FFC;
  private static final int MAX_ALIGNMENT = 256;
  private static final int IDENTIFIER_LENGTH = 4;

  private final BinarySchema schema;
  private final int[] objects;
  private final int[] enums;
  private final TableShape[] shapes;
  private final @Nullable UnionShape[] unions;
  private int members;

  private SchemaLoader(BinarySchema schema) {
    this.schema = schema;
    objects = elements(ReflectionShape.SCHEMA_OBJECTS, "objects");
    enums = elements(ReflectionShape.SCHEMA_ENUMS, "enums");
    shapes = new TableShape[objects.length];
    unions = new @Nullable UnionShape[enums.length];
  }

  /** The shapes of a binary schema, with the default limits. */
  static SchemaShape load(byte[] bfbs) {
    if (bfbs.length > MAX_LENGTH) {
      throw refused("too long: length=" + bfbs.length + ", limit=" + MAX_LENGTH);
    }
    Fault fault =
        new Walk().firstFault(ReflectionShape.SCHEMA, ByteBuffer.wrap(bfbs), 0, bfbs.length);
    if (fault != null) {
      throw refused(fault.toString());
    }
    return new SchemaLoader(new BinarySchema(bfbs)).shape();
  }

  private SchemaShape shape() {
    for (int i = 0; i < objects.length; i++) {
      shapes[i] = outline(objects[i]);
    }
    for (int i = 0; i < enums.length; i++) {
      if (schema.isTrue(enums[i], ReflectionShape.ENUM_IS_UNION)) {
        unions[i] = union(enums[i]);
      }
    }
    for (int i = 0; i < objects.length; i++) {
      if (!shapes[i].isStruct) {
        shapes[i].fields = fields(objects[i], shapes[i]);
      }
    }
    byte[] identifier =
        schema
            .string(schema.root(), ReflectionShape.SCHEMA_FILE_IDENTIFIER)
            .getBytes(StandardCharsets.ISO_8859_1);
    if (identifier.length != 0 && identifier.length != IDENTIFIER_LENGTH) {
      throw refused("a file identifier has 4 bytes: length=" + identifier.length);
    }
    return new SchemaShape(
        rootTable(),
        identifier.length != 0,
        identifier.length == 0 ? 0 : littleEndian(identifier),
        Schema.DEFAULT_MAX_DEPTH,
        Schema.DEFAULT_MAX_TABLES,
        false);
  }

  private static int littleEndian(byte[] bytes) {
    int value = 0;
    for (int i = bytes.length - 1; i >= 0; i--) {
      value = value << Byte.SIZE | bytes[i] & 0xFF;
    }
    return value;
  }

  private TableShape rootTable() {
    int root = schema.table(schema.root(), ReflectionShape.SCHEMA_ROOT_TABLE);
    if (root == 0) {
      throw refused("it has no root_type");
    }
    String name = schema.string(root, ReflectionShape.OBJECT_NAME);
    TableShape shape = find(name);
    if (shape == null || shape.isStruct) {
      throw refused("its root_type is no table: name=" + name);
    }
    return shape;
  }

  private int[] elements(int field, String what) {
    int vector = schema.table(schema.root(), field);
    int count = schema.count(vector);
    if (count > MAX_DEFINITIONS) {
      throw refused("too many " + what + ": count=" + count + ", limit=" + MAX_DEFINITIONS);
    }
    int[] elements = new int[count];
    for (int i = 0; i < count; i++) {
      elements[i] = schema.element(vector, i);
    }
    return elements;
  }

  private TableShape outline(int object) {
    String name = schema.string(object, ReflectionShape.OBJECT_NAME);
    if (!schema.isTrue(object, ReflectionShape.OBJECT_IS_STRUCT)) {
      return TableShape.table(name);
    }
    int size = schema.int32(object, ReflectionShape.OBJECT_SIZE, 0);
    int alignment = schema.int32(object, ReflectionShape.OBJECT_ALIGNMENT, 0);
    if (size < 1
        || alignment < 1
        || alignment > MAX_ALIGNMENT
        || Integer.bitCount(alignment) != 1) {
      throw refused(
          "struct out of range: name=" + name + ", size=" + size + ", alignment=" + alignment);
    }
    return TableShape.struct(name, size, alignment);
  }

  private UnionShape union(int union) {
    UnionShape shape = new UnionShape();
    boolean[] known = new boolean[UnionShape.TYPES];
    String name = schema.string(union, ReflectionShape.ENUM_NAME);
    int values = schema.table(union, ReflectionShape.ENUM_VALUES);
    int types = 1;
    for (int i = 0; i < schema.count(values); i++) {
      int member = schema.element(values, i);
      long value = schema.int64(member, ReflectionShape.ENUM_VALUE_VALUE);
      if (value < 0 || value >= UnionShape.TYPES || known[(int) value]) {
        throw refused(
            "union with a value out of range or twice: name=" + name + ", value=" + value);
      }
      known[(int) value] = true;
      types = Math.max(types, (int) value + 1);
      if (value != 0) {
        addMember(shape, (int) value, schema.table(member, ReflectionShape.ENUM_VALUE_TYPE), name);
      }
    }
    members += types;
    int underlying = schema.table(union, ReflectionShape.ENUM_UNDERLYING_TYPE);
    int base = schema.int8(underlying, ReflectionShape.TYPE_BASE);
    if (!BaseType.isScalar(base) || BaseType.sizeOfScalar(base) != 1 || members > MAX_MEMBERS) {
      throw refused("union of no bytes, or too many members: name=" + name);
    }
    return shape;
  }

  private void addMember(UnionShape union, int value, int type, String name) {
    int base = type == 0 ? BaseType.NONE : schema.int8(type, ReflectionShape.TYPE_BASE);
    switch (base) {
      case BaseType.OBJECT -> union.add(value, object(type, name));
      case BaseType.STRING -> union.addString(value);
      default -> throw refused("union of neither tables, structs nor strings: name=" + name);
    }
  }

  // ---- Fields.

  private FieldShape[] fields(int object, TableShape table) {
    int vector = schema.table(object, ReflectionShape.OBJECT_FIELDS);
    int count = schema.count(vector);
    TreeMap<Integer, Integer> byOffset = new TreeMap<>();
    for (int i = 0; i < count; i++) {
      int field = schema.element(vector, i);
      int offset = schema.uint16(field, ReflectionShape.FIELD_OFFSET);
      if (schema.isTrue(field, ReflectionShape.FIELD_DEPRECATED)) {
        continue;
      }
      if (offset < FIRST_FIELD_OFFSET
          || offset > LAST_FIELD_OFFSET
          || (offset & 1) != 0
          || byOffset.put(offset, field) != null) {
        throw refused("field out of place: " + path(table, field) + ", offset=" + offset);
      }
    }
    List<FieldShape> fields = new ArrayList<>(byOffset.size());
    byOffset.forEach(
        (offset, field) -> fields.add(field(table, field, offset, byOffset.get(offset - 2))));
    return fields.toArray(FieldShape[]::new);
  }

  private FieldShape field(TableShape table, int field, int offset, @Nullable Integer before) {
    String name = schema.string(field, ReflectionShape.FIELD_NAME);
    boolean required = schema.isTrue(field, ReflectionShape.FIELD_REQUIRED);
    String path = path(table, field);
    if (schema.isTrue(field, ReflectionShape.FIELD_OFFSET_64)) {
      throw refused("64-bit offsets are not supported: " + path);
    }
    int type = schema.table(field, ReflectionShape.FIELD_TYPE);
    TableShape nested = nestedRoot(table, field, type, path);
    int base = schema.int8(type, ReflectionShape.TYPE_BASE);
    if (nested != null) {
      return FieldShape.nested(name, offset, required, nested);
    }
    if (BaseType.isScalar(base)) {
      int size = BaseType.sizeOfScalar(base);
      return FieldShape.inline(name, offset, size, size, required);
    }
    switch (base) {
      case BaseType.STRING:
        return FieldShape.reached(name, offset, Kind.STRING, required, null, null);
      case BaseType.OBJECT:
        TableShape target = object(type, path);
        return target.isStruct
            ? FieldShape.inline(name, offset, target.size, target.alignment, required)
            : FieldShape.reached(name, offset, Kind.TABLE, required, target, null);
      case BaseType.VECTOR:
        return vector(name, offset, required, type, before, path);
      case BaseType.UNION:
        requireTypes(before, false, path);
        return FieldShape.reached(name, offset, Kind.UNION, required, null, union(type, path));
      default:
        throw refused("type not supported: " + path + ", base type=" + base);
    }
  }

  private FieldShape vector(
      String name, int offset, boolean required, int type, @Nullable Integer before, String path) {
    int element = schema.int8(type, ReflectionShape.TYPE_ELEMENT);
    if (BaseType.isScalar(element)) {
      int size = BaseType.sizeOfScalar(element);
      return FieldShape.vector(name, offset, required, size, size);
    }
    switch (element) {
      case BaseType.STRING:
        return FieldShape.reached(name, offset, Kind.STRINGS, required, null, null);
      case BaseType.OBJECT:
        TableShape target = object(type, path);
        return target.isStruct
            ? FieldShape.vector(name, offset, required, target.size, target.alignment)
            : FieldShape.reached(name, offset, Kind.TABLES, required, target, null);
      case BaseType.UNION:
        requireTypes(before, true, path);
        return FieldShape.reached(name, offset, Kind.UNIONS, required, null, union(type, path));
      default:
        throw refused("vector not supported: " + path + ", element type=" + element);
    }
  }

  private TableShape object(int type, String path) {
    int index = schema.int32(type, ReflectionShape.TYPE_INDEX, -1);
    if (index < 0 || index >= shapes.length) {
      throw refused("type out of range: " + path + ", index=" + index);
    }
    return shapes[index];
  }

  private UnionShape union(int type, String path) {
    int index = schema.int32(type, ReflectionShape.TYPE_INDEX, -1);
    UnionShape union = index < 0 || index >= unions.length ? null : unions[index];
    if (union == null) {
      throw refused("no union: " + path + ", index=" + index);
    }
    return union;
  }

  /** The field before a union, or before a vector of them, has its types. */
  private void requireTypes(@Nullable Integer before, boolean areMany, String path) {
    if (before == null) {
      throw refused("union without types: " + path);
    }
    int type = schema.table(before, ReflectionShape.FIELD_TYPE);
    int base = schema.int8(type, ReflectionShape.TYPE_BASE);
    boolean fits =
        areMany
            ? base == BaseType.VECTOR
                && schema.int8(type, ReflectionShape.TYPE_ELEMENT) == BaseType.UNION_TYPE
            : base == BaseType.UNION_TYPE;
    if (!fits) {
      throw refused("union without types: " + path);
    }
  }

  // ---- Attributes.

  private @Nullable TableShape nestedRoot(TableShape table, int field, int type, String path) {
    int attributes = schema.table(field, ReflectionShape.FIELD_ATTRIBUTES);
    TableShape root = null;
    for (int i = 0; i < schema.count(attributes); i++) {
      int attribute = schema.element(attributes, i);
      String key = schema.string(attribute, ReflectionShape.KEY_VALUE_KEY);
      if (key.equals("flexbuffer")) {
        throw refused("FlexBuffers cannot be verified: " + path);
      }
      if (key.equals("nested_flatbuffer")) {
        String name = schema.string(attribute, ReflectionShape.KEY_VALUE_VALUE);
        root = nestedRoot(table, type, name, path);
      }
    }
    return root;
  }

  private TableShape nestedRoot(TableShape table, int type, String name, String path) {
    boolean isBytes =
        schema.int8(type, ReflectionShape.TYPE_BASE) == BaseType.VECTOR
            && schema.int8(type, ReflectionShape.TYPE_ELEMENT) == BaseType.UNSIGNED_BYTE;
    TableShape root = isBytes ? lookUp(table.name, name) : null;
    if (root == null || root.isStruct) {
      throw refused("nested buffer of no known table: " + path + ", type=" + name);
    }
    return root;
  }

  /** As schemas do: in the namespace of a table, then in each outer one. */
  private @Nullable TableShape lookUp(String from, String name) {
    String namespace = from;
    while (true) {
      int dot = namespace.lastIndexOf('.');
      namespace = dot < 0 ? "" : namespace.substring(0, dot);
      if (namespace.length() + 1 + name.length() > MAX_NAME_LENGTH) {
        throw refused("name too long: " + from + ", nested=" + name);
      }
      TableShape found = find(namespace.isEmpty() ? name : namespace + '.' + name);
      if (found != null || namespace.isEmpty()) {
        return found;
      }
    }
  }

  /** By halves: flatc writes objects sorted by name. */
  private @Nullable TableShape find(String name) {
    int low = 0;
    int high = shapes.length;
    while (low < high) {
      int middle = low + high >>> 1;
      int order = shapes[middle].name.compareTo(name);
      if (order == 0) {
        return shapes[middle];
      }
      if (order < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return null;
  }

  private String path(TableShape table, int field) {
    return "field=" + table.name + '.' + schema.string(field, ReflectionShape.FIELD_NAME);
  }

  private static IllegalArgumentException refused(String why) {
    return new IllegalArgumentException("not a usable binary schema: " + why);
  }
}
