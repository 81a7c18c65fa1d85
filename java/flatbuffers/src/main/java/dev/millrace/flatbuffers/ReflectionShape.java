// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.flatbuffers.FieldShape.Kind;
import org.jspecify.annotations.Nullable;

/**
 * The schema of binary schemas, {@code reflection.fbs} of FlatBuffers, as far as it is read here;
 * the constants are the places of the fields in their vtables.
 */
final class ReflectionShape {
  static final int SCHEMA_OBJECTS = 4;
  static final int SCHEMA_ENUMS = 6;
  static final int SCHEMA_FILE_IDENTIFIER = 8;
  static final int SCHEMA_ROOT_TABLE = 12;

  static final int OBJECT_NAME = 4;
  static final int OBJECT_FIELDS = 6;
  static final int OBJECT_IS_STRUCT = 8;
  static final int OBJECT_ALIGNMENT = 10;
  static final int OBJECT_SIZE = 12;

  static final int FIELD_NAME = 4;
  static final int FIELD_TYPE = 6;
  static final int FIELD_OFFSET = 10;
  static final int FIELD_DEPRECATED = 16;
  static final int FIELD_REQUIRED = 18;
  static final int FIELD_ATTRIBUTES = 22;
  static final int FIELD_OFFSET_64 = 30;

  static final int TYPE_BASE = 4;
  static final int TYPE_ELEMENT = 6;
  static final int TYPE_INDEX = 8;

  static final int ENUM_NAME = 4;
  static final int ENUM_VALUES = 6;
  static final int ENUM_IS_UNION = 8;
  static final int ENUM_UNDERLYING_TYPE = 10;

  static final int ENUM_VALUE_NAME = 4;
  static final int ENUM_VALUE_VALUE = 6;
  static final int ENUM_VALUE_TYPE = 10;

  static final int KEY_VALUE_KEY = 4;
  static final int KEY_VALUE_VALUE = 6;

  private static final int IDENTIFIER = 'B' | 'F' << 8 | 'B' << 16 | 'S' << 24;

  static final SchemaShape SCHEMA =
      new SchemaShape(
          schema(), true, IDENTIFIER, Schema.DEFAULT_MAX_DEPTH, Schema.DEFAULT_MAX_TABLES, false);

  private ReflectionShape() {}

  private static TableShape schema() {
    TableShape type =
        table(
            "Type",
            scalar("base_type", TYPE_BASE, Byte.BYTES),
            scalar("element", TYPE_ELEMENT, Byte.BYTES),
            scalar("index", TYPE_INDEX, Integer.BYTES));
    TableShape keyValue =
        table(
            "KeyValue",
            required("key", KEY_VALUE_KEY, Kind.STRING, null),
            optional("value", KEY_VALUE_VALUE, Kind.STRING, null));
    TableShape enumValue =
        table(
            "EnumVal",
            required("name", ENUM_VALUE_NAME, Kind.STRING, null),
            scalar("value", ENUM_VALUE_VALUE, Long.BYTES),
            optional("union_type", ENUM_VALUE_TYPE, Kind.TABLE, type));
    TableShape enumeration =
        table(
            "Enum",
            required("name", ENUM_NAME, Kind.STRING, null),
            required("values", ENUM_VALUES, Kind.TABLES, enumValue),
            scalar("is_union", ENUM_IS_UNION, Byte.BYTES),
            required("underlying_type", ENUM_UNDERLYING_TYPE, Kind.TABLE, type));
    TableShape field =
        table(
            "Field",
            required("name", FIELD_NAME, Kind.STRING, null),
            required("type", FIELD_TYPE, Kind.TABLE, type),
            scalar("offset", FIELD_OFFSET, Short.BYTES),
            scalar("deprecated", FIELD_DEPRECATED, Byte.BYTES),
            scalar("required", FIELD_REQUIRED, Byte.BYTES),
            optional("attributes", FIELD_ATTRIBUTES, Kind.TABLES, keyValue),
            scalar("offset64", FIELD_OFFSET_64, Byte.BYTES));
    TableShape object =
        table(
            "Object",
            required("name", OBJECT_NAME, Kind.STRING, null),
            required("fields", OBJECT_FIELDS, Kind.TABLES, field),
            scalar("is_struct", OBJECT_IS_STRUCT, Byte.BYTES),
            scalar("minalign", OBJECT_ALIGNMENT, Integer.BYTES),
            scalar("bytesize", OBJECT_SIZE, Integer.BYTES));
    return table(
        "Schema",
        required("objects", SCHEMA_OBJECTS, Kind.TABLES, object),
        required("enums", SCHEMA_ENUMS, Kind.TABLES, enumeration),
        optional("file_ident", SCHEMA_FILE_IDENTIFIER, Kind.STRING, null),
        optional("root_table", SCHEMA_ROOT_TABLE, Kind.TABLE, object));
  }

  private static TableShape table(String name, FieldShape... fields) {
    TableShape table = TableShape.table(name);
    table.fields = fields;
    return table;
  }

  private static FieldShape scalar(String name, int offset, int size) {
    return FieldShape.inline(name, offset, size, size, false);
  }

  private static FieldShape required(
      String name, int offset, Kind kind, @Nullable TableShape target) {
    return FieldShape.reached(name, offset, kind, true, target, null);
  }

  private static FieldShape optional(
      String name, int offset, Kind kind, @Nullable TableShape target) {
    return FieldShape.reached(name, offset, kind, false, target, null);
  }
}
