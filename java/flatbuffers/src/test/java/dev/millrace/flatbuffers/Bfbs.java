// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import com.google.flatbuffers.FlatBufferBuilder;
import com.google.flatbuffers.reflection.BaseType;
import com.google.flatbuffers.reflection.EnumVal;
import com.google.flatbuffers.reflection.Field;
import com.google.flatbuffers.reflection.KeyValue;
import com.google.flatbuffers.reflection.Schema;
import com.google.flatbuffers.reflection.Type;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes binary schemas, good ones and others, as flatc would. Objects and enums are known by the
 * order in which they are added, which is that of their names.
 */
final class Bfbs {
  private final FlatBufferBuilder builder = new FlatBufferBuilder(1024);
  private final List<Integer> objects = new ArrayList<>();
  private final List<Integer> enums = new ArrayList<>();
  private int root;

  int type(int base) {
    return type(base, BaseType.None, -1);
  }

  int type(int base, int element, int index) {
    return Type.createType(builder, (byte) base, (byte) element, index, 0, 4, 0);
  }

  int table(int index) {
    return type(BaseType.Obj, BaseType.None, index);
  }

  int tables(int index) {
    return type(BaseType.Vector, BaseType.Obj, index);
  }

  int vector(int element) {
    return type(BaseType.Vector, element, -1);
  }

  int field(String name, int id, int type) {
    return field(name, id, type, false, false, 0);
  }

  int required(String name, int id, int type) {
    return field(name, id, type, true, false, 0);
  }

  int deprecated(String name, int id, int type) {
    return field(name, id, type, false, true, 0);
  }

  int with(String key, String value, String name, int id, int type) {
    int attribute =
        KeyValue.createKeyValue(builder, builder.createString(key), builder.createString(value));
    int attributes = Field.createAttributesVector(builder, new int[] {attribute});
    return field(name, id, type, false, false, attributes);
  }

  private int field(
      String name, int id, int type, boolean required, boolean deprecated, int attributes) {
    return fieldAt(name, 4 + 2 * id, type, required, deprecated, attributes, false);
  }

  int fieldAt(
      String name,
      int offset,
      int type,
      boolean required,
      boolean deprecated,
      int attributes,
      boolean isFar) {
    int nameAt = builder.createString(name);
    Field.startField(builder);
    Field.addName(builder, nameAt);
    Field.addType(builder, type);
    Field.addId(builder, (offset - 4) / 2);
    Field.addOffset(builder, offset);
    Field.addRequired(builder, required);
    Field.addDeprecated(builder, deprecated);
    Field.addOffset64(builder, isFar);
    if (attributes != 0) {
      Field.addAttributes(builder, attributes);
    }
    return Field.endField(builder);
  }

  Bfbs object(String name, int... fields) {
    return object(name, false, 0, 0, fields);
  }

  Bfbs struct(String name, int size, int alignment) {
    return object(name, true, size, alignment);
  }

  private Bfbs object(String name, boolean isStruct, int size, int alignment, int... fields) {
    int nameAt = builder.createString(name);
    int vector = com.google.flatbuffers.reflection.Object.createFieldsVector(builder, fields);
    objects.add(
        com.google.flatbuffers.reflection.Object.createObject(
            builder, nameAt, vector, isStruct, alignment, size, 0, 0, 0));
    return this;
  }

  int member(String name, long value, int type) {
    int nameAt = builder.createString(name);
    EnumVal.startEnumVal(builder);
    EnumVal.addName(builder, nameAt);
    EnumVal.addValue(builder, value);
    if (type != 0) {
      EnumVal.addUnionType(builder, type);
    }
    return EnumVal.endEnumVal(builder);
  }

  Bfbs union(String name, int... members) {
    return enumeration(name, true, members);
  }

  Bfbs enumeration(String name, boolean isUnion, int... members) {
    int nameAt = builder.createString(name);
    int vector = com.google.flatbuffers.reflection.Enum.createValuesVector(builder, members);
    int underlying = type(BaseType.UType);
    enums.add(
        com.google.flatbuffers.reflection.Enum.createEnum(
            builder, nameAt, vector, isUnion, underlying, 0, 0, 0));
    return this;
  }

  Bfbs root(int object) {
    root = objects.get(object);
    return this;
  }

  byte[] bytes(String identifier) {
    int objectsAt = Schema.createObjectsVector(builder, toArray(objects));
    int enumsAt = Schema.createEnumsVector(builder, toArray(enums));
    int identifierAt = identifier == null ? 0 : builder.createString(identifier);
    Schema.startSchema(builder);
    Schema.addObjects(builder, objectsAt);
    Schema.addEnums(builder, enumsAt);
    if (identifier != null) {
      Schema.addFileIdent(builder, identifierAt);
    }
    if (root != 0) {
      Schema.addRootTable(builder, root);
    }
    Schema.finishSchemaBuffer(builder, Schema.endSchema(builder));
    return builder.sizedByteArray();
  }

  private static int[] toArray(List<Integer> offsets) {
    return offsets.stream().mapToInt(Integer::intValue).toArray();
  }
}
