// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.flatbuffers.FlatBufferBuilder;
import com.google.flatbuffers.reflection.BaseType;
import com.sun.management.ThreadMXBean;
import dev.millrace.flatbuffers.Orders.Order;
import dev.millrace.suite.Seed;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the walk lets pass, what it does not, and what it says then. */
@ExtendWith(Seed.class)
class SchemaTest {
  private static final Schema<Order> ORDERS = Orders.schema();

  /** A buffer to be broken, and where its parts are. */
  private static final class Broken {
    final ByteBuffer bytes;

    Broken(byte[] good) {
      bytes = ByteBuffer.wrap(good.clone()).order(ByteOrder.LITTLE_ENDIAN);
    }

    int root() {
      return bytes.getInt(0);
    }

    int vtable(int table) {
      return table - bytes.getInt(table);
    }

    /** Where the vtable says where a field is. */
    int slot(int table, int field) {
      return vtable(table) + 4 + 2 * field;
    }

    int field(int table, int field) {
      return table + bytes.getShort(slot(table, field));
    }

    int target(int position) {
      return position + bytes.getInt(position);
    }

    int element(int vector, int index) {
      return vector + 4 + 4 * index;
    }

    /** The target of a field of the root. */
    int of(int field) {
      return target(field(root(), field));
    }

    int leg(int index) {
      return target(element(of(Orders.LEGS), index));
    }

    void absent(int table, int field) {
      bytes.putShort(slot(table, field), (short) 0);
    }
  }

  private static String faultOf(Consumer<Broken> change) {
    return faultOf(ORDERS, change);
  }

  private static String faultOf(Schema<?> schema, Consumer<Broken> change) {
    Broken broken = new Broken(Orders.full(3));
    assertThat(schema.check(broken.bytes)).isEmpty();
    change.accept(broken);
    return schema.check(broken.bytes).map(Fault::toString).orElse("good");
  }

  @Test
  void goodBuffersPassWhereverTheyLie() {
    for (byte[] good : new byte[][] {Orders.full(0), Orders.full(7), Orders.small("x")}) {
      ByteBuffer around = ByteBuffer.allocateDirect(good.length + 40);
      for (int at : new int[] {0, 1, 7, 40}) {
        around.clear().position(at);
        around.put(good).flip().position(at);
        ByteBuffer before = around.duplicate();
        ORDERS.verify(around);
        ORDERS.verify(around.asReadOnlyBuffer());
        assertThat(around).isEqualTo(before);
        assertThat(around.order()).isEqualTo(ByteOrder.BIG_ENDIAN);
        assertThat(ORDERS.read(around).sum()).isNotZero();
      }
    }
  }

  @Test
  void theBufferItself() {
    byte[] good = Orders.full(1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ORDERS.verify(ByteBuffer.wrap(good, 0, 11)))
        .withMessage("Order: buffer too short");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ORDERS.verify(ByteBuffer.allocate(0)))
        .withMessage("Order: buffer too short");
    assertThat(faultOf(b -> b.bytes.put(4, (byte) 'X'))).isEqualTo("Order: wrong file identifier");
    assertThat(faultOf(b -> b.bytes.putInt(0, 0))).isEqualTo("Order: offset is zero");
  }

  @Test
  void tables() {
    assertThat(faultOf(b -> b.bytes.putInt(0, b.bytes.capacity() - 3)))
        .isEqualTo("Order: table past end");
    assertThat(faultOf(b -> b.bytes.putInt(0, -8))).isEqualTo("Order: table past end");
    assertThat(faultOf(b -> b.bytes.putInt(0, b.root() + 1))).isEqualTo("Order: table misaligned");
    assertThat(faultOf(b -> b.bytes.putInt(b.leg(2), Integer.MIN_VALUE)))
        .isEqualTo("Order.legs[2]: vtable past end");
    assertThat(faultOf(b -> b.bytes.putInt(b.leg(2), b.bytes.getInt(b.leg(2)) + 1)))
        .isEqualTo("Order.legs[2]: vtable misaligned");
    for (int size : new int[] {0, 3, 7, 0x8000}) {
      assertThat(faultOf(b -> b.bytes.putShort(b.vtable(b.root()), (short) size)))
          .isEqualTo("Order: vtable malformed");
    }
    assertThat(faultOf(b -> b.bytes.putShort(b.vtable(b.root()), (short) 0x7FFE)))
        .isEqualTo("Order: vtable past end");
  }

  @Test
  void fields() {
    assertThat(faultOf(b -> b.absent(b.root(), Orders.SYMBOL)))
        .isEqualTo("Order.symbol: required field missing");
    assertThat(faultOf(b -> b.absent(b.leg(0), 0)))
        .isEqualTo("Order.legs[0].symbol: required field missing");
    assertThat(faultOf(b -> b.bytes.putShort(b.slot(b.root(), Orders.ID), (short) 0x8000)))
        .isEqualTo("Order.id: field offset too large");
    assertThat(faultOf(b -> b.bytes.putShort(b.slot(b.root(), Orders.ID), (short) 0x7FF8)))
        .isEqualTo("Order.id: field past end");
    assertThat(
            faultOf(
                b -> {
                  int slot = b.slot(b.root(), Orders.ID);
                  b.bytes.putShort(slot, (short) (b.bytes.getShort(slot) + 4));
                }))
        .isEqualTo("Order.id: field misaligned");
    assertThat(faultOf(b -> b.bytes.putInt(b.field(b.root(), Orders.NEXT), 0)))
        .isEqualTo("Order.next: offset is zero");
    assertThat(faultOf(b -> b.bytes.putInt(b.field(b.of(Orders.NEXT), Orders.SYMBOL), -1)))
        .isEqualTo("Order.next.symbol: string past end");
  }

  @Test
  void strings() {
    assertThat(faultOf(b -> b.bytes.putInt(b.of(Orders.SYMBOL), Integer.MAX_VALUE)))
        .isEqualTo("Order.symbol: string past end");
    assertThat(faultOf(b -> b.bytes.putInt(b.of(Orders.SYMBOL), -1)))
        .isEqualTo("Order.symbol: string past end");
    assertThat(faultOf(b -> b.bytes.putInt(b.of(Orders.SYMBOL), 2)))
        .isEqualTo("Order.symbol: string not terminated");
    assertThat(
            faultOf(
                b -> {
                  int field = b.field(b.leg(1), 0);
                  b.bytes.putInt(field, b.bytes.getInt(field) + 2);
                }))
        .isEqualTo("Order.legs[1].symbol: string misaligned");
    assertThat(faultOf(b -> b.bytes.putInt(b.element(b.of(Orders.TAGS), 1), 0)))
        .isEqualTo("Order.tags[1]: offset is zero");
  }

  @Test
  void utf8IsCheckedOnDemand() {
    Consumer<Broken> change = b -> b.bytes.put(b.target(b.field(b.leg(1), 0)) + 5, (byte) 0xFF);
    assertThat(faultOf(change)).isEqualTo("good");
    Schema<Order> strict = ORDERS.withUtf8Check(true);
    assertThat(strict.checksUtf8()).isTrue();
    assertThat(faultOf(strict, change)).isEqualTo("Order.legs[1].symbol: string is not UTF-8");
  }

  /**
   * Every sequence of up to three bytes, and those of four around the edges, as the JDK sees it.
   */
  @Test
  void utf8AsTheJdkSeesIt() {
    Schema<Order> strict = ORDERS.withUtf8Check(true);
    byte[] good = Orders.small("0123456789012345");
    Broken buffer = new Broken(good);
    int text = buffer.of(Orders.SYMBOL) + 4;
    int[] edges = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF};
    int[] leads = {0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
    int[] all = new int[edges.length + leads.length];
    System.arraycopy(edges, 0, all, 0, edges.length);
    System.arraycopy(leads, 0, all, edges.length, leads.length);
    int bad = 0;
    for (int a : all) {
      for (int b : all) {
        for (int c : all) {
          for (int d : edges) {
            byte[] sequence = {(byte) a, (byte) b, (byte) c, (byte) d};
            int at = text + 5;
            for (int i = 0; i < 4; i++) {
              buffer.bytes.put(at + i, sequence[i]);
            }
            byte[] whole = new byte[16];
            buffer.bytes.get(text, whole);
            boolean isGood = new String(whole, StandardCharsets.UTF_8).indexOf('\uFFFD') < 0;
            assertThat(strict.check(buffer.bytes).isEmpty()).isEqualTo(isGood);
            bad += isGood ? 0 : 1;
          }
        }
      }
    }
    assertThat(bad).isPositive();
  }

  @Test
  void vectors() {
    assertThat(faultOf(b -> b.bytes.putInt(b.of(Orders.PAIRS), 1 << 28)))
        .isEqualTo("Order.pairs: vector past end");
    assertThat(faultOf(b -> b.bytes.putInt(b.of(Orders.LEGS), -1)))
        .isEqualTo("Order.legs: vector past end");
    assertThat(
            faultOf(
                b -> {
                  int field = b.field(b.root(), Orders.BYTES);
                  b.bytes.putInt(field, b.bytes.getInt(field) + 1);
                }))
        .isEqualTo("Order.bytes: vector misaligned");
  }

  /** Elements of 8 bytes that begin at a multiple of 4 alone. */
  @Test
  void elementsAreAligned() {
    Bfbs bfbs = new Bfbs();
    bfbs.object("T", bfbs.field("numbers", 0, bfbs.vector(BaseType.Long)));
    Schema<ByteBuffer> schema = Schema.load(bfbs.root(0).bytes(null), buffer -> buffer);
    ByteBuffer bytes = ByteBuffer.allocate(40).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(0, 12).putShort(4, (short) 6).putShort(6, (short) 8).putShort(8, (short) 4);
    bytes.putInt(12, 8).putInt(16, 4).putInt(20, 2);
    assertThat(schema.check(bytes)).isEmpty();
    bytes.putInt(16, 8).putInt(24, 1);
    assertThat(schema.check(bytes).map(Fault::toString)).contains("T.numbers: vector misaligned");
    bytes.putInt(24, 0);
    assertThat(schema.check(bytes)).isEmpty();
  }

  @Test
  void unions() {
    assertThat(faultOf(b -> b.absent(b.root(), Orders.PAYLOAD)))
        .isEqualTo("Order.payload: union value missing");
    assertThat(faultOf(b -> b.absent(b.root(), Orders.PAYLOAD_TYPE)))
        .isEqualTo("Order.payload: union type missing");
    int type = Orders.PAYLOAD_TYPE;
    // The schema is older than its sender: the value is not looked into.
    assertThat(faultOf(b -> b.bytes.put(b.field(b.root(), type), (byte) 99))).isEqualTo("good");
    assertThat(
            faultOf(
                b -> {
                  b.bytes.put(b.field(b.root(), type), (byte) 99);
                  b.bytes.putInt(b.field(b.root(), Orders.PAYLOAD), Integer.MAX_VALUE);
                }))
        .isEqualTo("Order.payload: union value past end");
    assertThat(faultOf(b -> b.bytes.putInt(b.target(b.field(b.of(Orders.PAYLOAD), 0)), -1)))
        .isEqualTo("Order.payload.text: string past end");
    assertThat(faultOf(b -> b.bytes.putInt(b.element(b.of(Orders.PARTS), 2), 1 << 20)))
        .isEqualTo("Order.parts[2]: struct past end");
    assertThat(
            faultOf(
                b -> {
                  int element = b.element(b.of(Orders.PARTS), 2);
                  b.bytes.putInt(element, b.bytes.getInt(element) + 2);
                }))
        .isEqualTo("Order.parts[2]: struct misaligned");
    assertThat(faultOf(b -> b.bytes.putInt(b.of(Orders.PARTS_TYPE), 3)))
        .isEqualTo("Order.parts: union vectors differ in length");
    assertThat(faultOf(b -> b.absent(b.root(), Orders.PARTS_TYPE)))
        .isEqualTo("Order.parts: union type missing");
    assertThat(faultOf(b -> b.absent(b.root(), Orders.PARTS)))
        .isEqualTo("Order.parts: union value missing");
    assertThat(
            faultOf(
                b -> {
                  b.bytes.put(b.of(Orders.PARTS_TYPE) + 4 + 1, (byte) 0);
                  b.bytes.putInt(b.element(b.of(Orders.PARTS), 1), -1);
                }))
        .isEqualTo("good");
  }

  @Test
  void nestedBuffers() {
    assertThat(faultOf(b -> b.bytes.putInt(b.of(Orders.NESTED), 11)))
        .isEqualTo("Order.nested: buffer too short");
    assertThat(
            faultOf(
                b -> {
                  int inner = b.of(Orders.NESTED) + 4;
                  int note = inner + b.bytes.getInt(inner);
                  b.bytes.putInt(b.target(b.field(note, 0)), 0x7000_0000);
                }))
        .isEqualTo("Order.nested.text: string past end");
  }

  /** What a nested buffer points at beyond its own end is not its own, though it is there. */
  @Test
  void nestedBuffersEndWhereTheyEnd() {
    assertThat(
            faultOf(
                b -> {
                  int inner = b.of(Orders.NESTED) + 4;
                  b.bytes.putInt(inner, b.bytes.capacity() - inner - 16 & ~3);
                }))
        .isEqualTo("Order.nested: table past end");
  }

  @Test
  void deprecatedFieldsAreNotLookedAt() {
    FlatBufferBuilder builder = new FlatBufferBuilder(64);
    int symbol = builder.createString("x");
    builder.startTable(15);
    builder.addOffset(Orders.SYMBOL, symbol, 0);
    builder.addInt(Orders.OLD, -1, 0);
    Orders.finish(builder, builder.endTable());
    ORDERS.verify(builder.dataBuffer());
  }

  @Test
  void limits() {
    assertThat(ORDERS.maxDepth()).isEqualTo(64);
    assertThat(ORDERS.maxTables()).isEqualTo(1_000_000);
    // Seven tables in the first order and its nested buffer, eight in all, and six in the second.
    assertThat(faultOf(ORDERS.withMaxDepth(3), b -> {})).isEqualTo("good");
    ByteBuffer good = ByteBuffer.wrap(Orders.full(3));
    assertThat(ORDERS.withMaxDepth(2).check(good).map(Fault::toString))
        .contains("Order.next.legs[0]: too deep");
    ORDERS.withMaxTables(14).verify(good);
    assertThat(ORDERS.withMaxTables(13).check(good).map(Fault::toString))
        .contains("Order.next.nested: too many tables");
    assertThatIllegalArgumentException().isThrownBy(() -> ORDERS.withMaxDepth(0));
    assertThatIllegalArgumentException().isThrownBy(() -> ORDERS.withMaxDepth(513));
    assertThatIllegalArgumentException().isThrownBy(() -> ORDERS.withMaxTables(0));
  }

  /** A small buffer whose parts share parts, so that to read it all would take long. */
  @Test
  void sharedPartsAreNotReadForEver() {
    assertThat(ORDERS.check(sharing(60, 100_000)).map(Fault::kind))
        .contains(Fault.Kind.TOO_MUCH_WORK);
  }

  /** How much is read goes by the length: 1.7 KB are no work for milliseconds. */
  @Test
  void sharedPartsOfAFewBytesAreReadAFewTimes() {
    ByteBuffer some = sharing(4, 100);
    assertThat(ORDERS.check(some)).isEmpty();
    ByteBuffer more = sharing(60, 100);
    assertThat(more.remaining()).isLessThan(1750);
    assertThat(ORDERS.check(more).map(Fault::kind)).contains(Fault.Kind.TOO_MUCH_WORK);
  }

  /** Orders one in the other, all with one vector, all of whose elements are one leg. */
  private static ByteBuffer sharing(int orders, int references) {
    FlatBufferBuilder builder = new FlatBufferBuilder(1 << 20);
    int leg = Orders.leg(builder, "LEG", 1);
    int[] legs = new int[references];
    Arrays.fill(legs, leg);
    int vector = builder.createVectorOfTables(legs);
    int symbol = builder.createString("x");
    int next = 0;
    for (int i = 0; i < orders; i++) {
      builder.startTable(15);
      builder.addOffset(Orders.SYMBOL, symbol, 0);
      builder.addOffset(Orders.LEGS, vector, 0);
      builder.addOffset(Orders.NEXT, next, 0);
      next = builder.endTable();
    }
    Orders.finish(builder, next);
    return builder.dataBuffer();
  }

  /** Whatever bytes change: what passes is read to the last byte without leaving the buffer. */
  @Test
  void whatPassesCanBeRead() {
    Random random = Seed.random("changed orders");
    byte[] good = Orders.full(3);
    int passed = 0;
    int runs = Integer.getInteger("millrace.test.verify", 200_000);
    ByteBuffer exact = ByteBuffer.allocateDirect(good.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int run = 0; run < runs; run++) {
      exact.put(0, good);
      for (int change = 0; change <= random.nextInt(3); change++) {
        int at = random.nextInt(good.length);
        switch (random.nextInt(4)) {
          case 0 -> exact.put(at, (byte) random.nextInt(256));
          case 1 -> exact.put(at, (byte) (exact.get(at) ^ 1 << random.nextInt(8)));
          case 2 -> exact.putShort(Math.min(at, good.length - 2), (short) random.nextInt(64));
          default -> exact.putInt(Math.min(at & ~3, good.length - 4), random.nextInt(good.length));
        }
      }
      int length = random.nextInt(8) == 0 ? random.nextInt(good.length) : good.length;
      ByteBuffer sent = exact.slice(0, length);
      if (ORDERS.check(sent).isEmpty()) {
        passed++;
        assertThatCode(() -> Order.getRootAsOrder(sent).sum()).doesNotThrowAnyException();
      }
    }
    assertThat(passed).isBetween(runs / 10, runs - runs / 10);
  }

  @Test
  void verifyingAllocatesNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    ByteBuffer good = ByteBuffer.allocateDirect(1024).put(Orders.full(3)).flip();
    for (int i = 0; i < 20_000; i++) {
      ORDERS.verify(good);
    }
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < 100_000; i++) {
      ORDERS.verify(good);
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(10_000);
  }
}
