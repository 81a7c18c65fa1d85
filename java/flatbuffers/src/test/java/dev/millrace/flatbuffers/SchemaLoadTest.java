// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.flatbuffers.reflection.BaseType;
import dev.millrace.suite.Seed;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Binary schemas are input like any other. */
@ExtendWith(Seed.class)
class SchemaLoadTest {

  private static void assertRefused(String why, Function<Bfbs, Bfbs> schema) {
    byte[] bytes = schema.apply(new Bfbs()).bytes(null);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Schema.load(bytes, buffer -> buffer))
        .withMessageStartingWith("not a usable binary schema: ")
        .withMessageContaining(why);
  }

  private static Bfbs withField(Bfbs b, int field) {
    return b.object("a.T", field).root(0);
  }

  @Test
  void whatIsNoSchemaIsRefused() {
    for (byte[] bytes : new byte[][] {{}, new byte[100], new byte[(16 << 20) + 1]}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Schema.load(bytes, buffer -> buffer))
          .withMessageStartingWith("not a usable binary schema: ");
    }
  }

  @Test
  void whatCannotBeVerifiedIsRefused() {
    assertRefused("no root_type", b -> b.object("T"));
    assertRefused("no table: name=S", b -> b.struct("S", 4, 4).root(0));
    assertRefused("struct out of range", b -> b.struct("S", 0, 4).object("T").root(1));
    assertRefused("struct out of range", b -> b.struct("S", 4, 3).object("T").root(1));
    assertRefused("struct out of range", b -> b.struct("S", 4, 512).object("T").root(1));
    for (int offset : new int[] {0, 2, 5, 0x7FFE}) {
      assertRefused(
          "field out of place: field=a.T.f",
          b -> withField(b, b.fieldAt("f", offset, b.type(BaseType.Int), false, false, 0, false)));
    }
    assertRefused(
        "field out of place",
        b ->
            b.object("T", b.field("f", 1, b.type(BaseType.Int)), b.field("g", 1, b.type(1)))
                .root(0));
    assertRefused(
        "64-bit offsets",
        b -> withField(b, b.fieldAt("f", 4, b.type(BaseType.String), false, false, 0, true)));
    for (int type : new int[] {BaseType.None, BaseType.Array, BaseType.Vector64, 19, -1}) {
      assertRefused("type not supported", b -> withField(b, b.field("f", 0, b.type(type))));
    }
    for (int type : new int[] {BaseType.None, BaseType.Vector, BaseType.Array, 99, -1}) {
      assertRefused("vector not supported", b -> withField(b, b.field("f", 0, b.vector(type))));
    }
    for (int index : new int[] {-1, 1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      assertRefused("type out of range", b -> withField(b, b.field("f", 0, b.table(index))));
      assertRefused("type out of range", b -> withField(b, b.field("f", 0, b.tables(index))));
    }
    assertRefused(
        "FlexBuffers",
        b -> withField(b, b.with("flexbuffer", "", "f", 0, b.vector(BaseType.UByte))));
    assertRefused(
        "nested buffer of no known table",
        b -> withField(b, b.with("nested_flatbuffer", "X", "f", 0, b.vector(BaseType.UByte))));
    assertRefused(
        "nested buffer of no known table",
        b -> withField(b, b.with("nested_flatbuffer", "T", "f", 0, b.vector(BaseType.Short))));
  }

  @Test
  void unionsThatCannotBeVerifiedAreRefused() {
    int union = BaseType.Union;
    assertRefused(
        "union without types",
        b ->
            withField(
                b.union("U", b.member("NONE", 0, 0)),
                b.field("f", 1, b.type(union, BaseType.None, 0))));
    assertRefused(
        "union without types",
        b ->
            b.union("U", b.member("NONE", 0, 0))
                .object(
                    "T",
                    b.deprecated("f_type", 0, b.type(BaseType.UType)),
                    b.field("f", 1, b.type(union, BaseType.None, 0)))
                .root(0));
    assertRefused(
        "union without types",
        b ->
            b.union("U", b.member("NONE", 0, 0))
                .object(
                    "T",
                    b.field("f_type", 0, b.type(BaseType.UType)),
                    b.field("f", 1, b.type(BaseType.Vector, union, 0)))
                .root(0));
    for (int index : new int[] {-1, 1}) {
      assertRefused(
          "no union",
          b ->
              b.enumeration("E", false)
                  .object(
                      "T",
                      b.field("f_type", 0, b.type(BaseType.UType)),
                      b.field("f", 1, b.type(union, BaseType.None, index)))
                  .root(0));
    }
    for (long value : new long[] {-1, 256, 1L << 32}) {
      assertRefused(
          "out of range or twice",
          b -> b.object("T").root(0).union("U", b.member("M", value, b.table(0))));
    }
    assertRefused(
        "out of range or twice",
        b ->
            b.object("T")
                .root(0)
                .union("U", b.member("M", 1, b.table(0)), b.member("N", 1, b.table(0))));
    assertRefused(
        "neither tables, structs nor strings",
        b -> b.object("T").root(0).union("U", b.member("M", 1, b.type(BaseType.Int))));
    assertRefused(
        "neither tables, structs nor strings",
        b -> b.object("T").root(0).union("U", b.member("M", 1, 0)));
  }

  /** The attribute's type is looked for in the table's namespace, then outwards. */
  @Test
  void nestedTypesAreFoundByNamespace() {
    for (String name : new String[] {"a.b.X", "a.X", "X"}) {
      Bfbs b = new Bfbs();
      int field = b.with("nested_flatbuffer", "X", "f", 0, b.vector(BaseType.UByte));
      boolean isFirst = name.compareTo("a.b.T") < 0;
      if (isFirst) {
        b.object(name).object("a.b.T", field).root(1);
      } else {
        b.object("a.b.T", field).object(name).root(0);
      }
      assertThat(Schema.load(b.bytes(null), buffer -> buffer)).isNotNull();
    }
  }

  /** Whatever bytes change: a schema, or an IllegalArgumentException. */
  @Test
  void hostileSchemasAreRefused() {
    Random random = Seed.random("changed schemas");
    byte[] good = Orders.bfbs();
    byte[] order = Orders.full(2);
    int loaded = 0;
    int runs = 40_000;
    for (int run = 0; run < runs; run++) {
      byte[] changed = good.clone();
      for (int change = 0; change <= random.nextInt(3); change++) {
        int at = random.nextInt(good.length);
        changed[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : random.nextInt(20));
      }
      Schema<ByteBuffer> schema;
      try {
        schema = Schema.load(changed, buffer -> buffer);
      } catch (IllegalArgumentException refused) {
        continue;
      }
      loaded++;
      // What was loaded says yes or no, and nothing else.
      schema.check(ByteBuffer.wrap(order));
    }
    assertThat(loaded).isBetween(runs / 20, runs - runs / 20);
  }
}
