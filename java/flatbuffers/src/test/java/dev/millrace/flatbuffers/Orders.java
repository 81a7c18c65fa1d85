// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import com.google.flatbuffers.FlatBufferBuilder;
import com.google.flatbuffers.Table;
import com.google.flatbuffers.reflection.BaseType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A schema with one of everything, and what flatc would generate for it as far as tests need it.
 *
 * <pre>
 *   struct Pair { a: int; b: int; }
 *   table Leg { symbol: string (required); price: double; pair: Pair; }
 *   table Note { text: string; }
 *   union Payload { Leg, Note, Pair, text: string }
 *   table Order {
 *     id: ulong;                symbol: string (required);  legs: [Leg];      tags: [string];
 *     pairs: [Pair];            payload: Payload;           parts: [Payload]; bytes: [ubyte];
 *     nested: [ubyte] (nested_flatbuffer: "Note");          next: Order;      pair: Pair;
 *     old: string (deprecated); is_last: bool;
 *   }
 *   root_type Order; file_identifier "ORDR";
 * </pre>
 */
public final class Orders {
  public static final int LEG = 1;
  public static final int NOTE = 2;
  public static final int PAIR = 3;
  public static final int TEXT = 4;

  static final int ID = 0;
  static final int SYMBOL = 1;
  static final int LEGS = 2;
  static final int TAGS = 3;
  static final int PAIRS = 4;
  static final int PAYLOAD_TYPE = 5;
  static final int PAYLOAD = 6;
  static final int PARTS_TYPE = 7;
  static final int PARTS = 8;
  static final int BYTES = 9;
  static final int NESTED = 10;
  static final int NEXT = 11;
  static final int ONE_PAIR = 12;
  static final int OLD = 13;
  static final int IS_LAST = 14;
  private static final int FIELDS = 15;

  private static final String IDENTIFIER = "ORDR";
  private static final byte[] NESTED_BYTES = nested();

  private Orders() {}

  /** What flatc would write for it. */
  public static byte[] bfbs() {
    Bfbs bfbs = new Bfbs(); // sorted by name, as flatc sorts them
    bfbs.object(
        "demo.Leg",
        bfbs.field("pair", 2, bfbs.table(3)),
        bfbs.field("price", 1, bfbs.type(BaseType.Double)),
        bfbs.required("symbol", 0, bfbs.type(BaseType.String)));
    bfbs.object("demo.Note", bfbs.field("text", 0, bfbs.type(BaseType.String)));
    bfbs.object(
        "demo.Order",
        // Not in the order of their ids: flatc sorts by name.
        bfbs.field("is_last", IS_LAST, bfbs.type(BaseType.Bool)),
        bfbs.field("bytes", BYTES, bfbs.vector(BaseType.UByte)),
        bfbs.field("id", ID, bfbs.type(BaseType.ULong)),
        bfbs.field("legs", LEGS, bfbs.tables(0)),
        bfbs.with("nested_flatbuffer", "Note", "nested", NESTED, bfbs.vector(BaseType.UByte)),
        bfbs.field("next", NEXT, bfbs.table(2)),
        bfbs.deprecated("old", OLD, bfbs.type(BaseType.String)),
        bfbs.field("pair", ONE_PAIR, bfbs.table(3)),
        bfbs.field("pairs", PAIRS, bfbs.tables(3)),
        bfbs.field("parts", PARTS, bfbs.type(BaseType.Vector, BaseType.Union, 0)),
        bfbs.field("parts_type", PARTS_TYPE, bfbs.type(BaseType.Vector, BaseType.UType, 0)),
        bfbs.field("payload", PAYLOAD, bfbs.type(BaseType.Union, BaseType.None, 0)),
        bfbs.field("payload_type", PAYLOAD_TYPE, bfbs.type(BaseType.UType, BaseType.None, 0)),
        bfbs.required("symbol", SYMBOL, bfbs.type(BaseType.String)),
        bfbs.field("tags", TAGS, bfbs.vector(BaseType.String)));
    bfbs.struct("demo.Pair", 8, 4);
    bfbs.union(
        "demo.Payload",
        bfbs.member("NONE", 0, bfbs.type(BaseType.None)),
        bfbs.member("Leg", LEG, bfbs.table(0)),
        bfbs.member("Note", NOTE, bfbs.table(1)),
        bfbs.member("Pair", PAIR, bfbs.table(3)),
        bfbs.member("text", TEXT, bfbs.type(BaseType.String)));
    return bfbs.root(2).bytes(IDENTIFIER);
  }

  public static Schema<Order> schema() {
    return Schema.load(bfbs(), Order::getRootAsOrder);
  }

  private static byte[] nested() {
    FlatBufferBuilder builder = new FlatBufferBuilder(32);
    builder.finish(note(builder, "nested"));
    return builder.sizedByteArray();
  }

  /** An order with all fields, and one in it; of this many legs. */
  public static byte[] full(int legs) {
    FlatBufferBuilder builder = new FlatBufferBuilder(256);
    finish(builder, order(builder, legs, order(builder, 1, 0)));
    return builder.sizedByteArray();
  }

  /** An order with nothing but what it must have. */
  public static byte[] small(String symbol) {
    FlatBufferBuilder builder = new FlatBufferBuilder(64);
    writeSmall(builder, symbol);
    return builder.sizedByteArray();
  }

  public static void writeSmall(FlatBufferBuilder builder, String symbol) {
    int symbolAt = builder.createString(symbol);
    builder.startTable(FIELDS);
    builder.addOffset(SYMBOL, symbolAt, 0);
    finish(builder, builder.endTable());
  }

  /** An order with this many legs, written wherever the builder writes. */
  public static void write(FlatBufferBuilder builder, int legs) {
    finish(builder, order(builder, legs, 0));
  }

  static void finish(FlatBufferBuilder builder, int order) {
    builder.finish(order, IDENTIFIER);
  }

  static int leg(FlatBufferBuilder builder, String symbol, double price) {
    int symbolAt = builder.createString(symbol);
    builder.startTable(3);
    builder.addOffset(0, symbolAt, 0);
    builder.addDouble(1, price, 0);
    builder.addStruct(2, pair(builder, 5, 6), 0);
    return builder.endTable();
  }

  static int note(FlatBufferBuilder builder, String text) {
    int textAt = builder.createString(text);
    builder.startTable(1);
    builder.addOffset(0, textAt, 0);
    return builder.endTable();
  }

  static int pair(FlatBufferBuilder builder, int a, int b) {
    builder.prep(4, 8);
    builder.putInt(b);
    builder.putInt(a);
    return builder.offset();
  }

  private static int order(FlatBufferBuilder builder, int legs, int next) {
    int[] legsAt = new int[legs];
    for (int i = 0; i < legs; i++) {
      legsAt[i] = leg(builder, "LEG" + i, i + 0.5);
    }
    int legsVector = builder.createVectorOfTables(legsAt);
    int tags = offsets(builder, builder.createString("a tag"), builder.createString(""));
    builder.startVector(8, 2, 4);
    pair(builder, 3, 4);
    pair(builder, 1, 2);
    int pairs = builder.endVector();
    int payload = note(builder, "a note");
    int parts =
        offsets(
            builder,
            leg(builder, "PART", 1),
            note(builder, "part"),
            pair(builder, 7, 8),
            builder.createString("text"));
    int partsType = builder.createByteVector(new byte[] {LEG, NOTE, PAIR, TEXT});
    int bytes = builder.createByteVector(new byte[] {1, 2, 3});
    // Their own offsets count from their first byte, which must be as aligned as a buffer's.
    builder.startVector(1, NESTED_BYTES.length, 8);
    for (int i = NESTED_BYTES.length - 1; i >= 0; i--) {
      builder.addByte(NESTED_BYTES[i]);
    }
    int nested = builder.endVector();
    int symbol = builder.createString("SYM");
    builder.startTable(FIELDS);
    builder.addLong(ID, 42, 0);
    builder.addOffset(SYMBOL, symbol, 0);
    builder.addOffset(LEGS, legsVector, 0);
    builder.addOffset(TAGS, tags, 0);
    builder.addOffset(PAIRS, pairs, 0);
    builder.addByte(PAYLOAD_TYPE, (byte) NOTE, 0);
    builder.addOffset(PAYLOAD, payload, 0);
    builder.addOffset(PARTS_TYPE, partsType, 0);
    builder.addOffset(PARTS, parts, 0);
    builder.addOffset(BYTES, bytes, 0);
    builder.addOffset(NESTED, nested, 0);
    builder.addOffset(NEXT, next, 0);
    builder.addStruct(ONE_PAIR, pair(builder, 9, 10), 0);
    builder.addBoolean(IS_LAST, true, false);
    return builder.endTable();
  }

  private static int offsets(FlatBufferBuilder builder, int... offsets) {
    builder.startVector(4, offsets.length, 4);
    for (int i = offsets.length - 1; i >= 0; i--) {
      builder.addOffset(offsets[i]);
    }
    return builder.endVector();
  }

  /** The root table. */
  public static final class Order extends Table {
    public static Order getRootAsOrder(ByteBuffer buffer) {
      buffer.order(ByteOrder.LITTLE_ENDIAN);
      return new Order().at(buffer.getInt(buffer.position()) + buffer.position(), buffer);
    }

    private Order at(int position, ByteBuffer buffer) {
      __reset(position, buffer);
      return this;
    }

    private int offset(int field) {
      return __offset(4 + 2 * field);
    }

    public long id() {
      int offset = offset(ID);
      return offset == 0 ? 0 : bb.getLong(bb_pos + offset);
    }

    public String symbol() {
      int offset = offset(SYMBOL);
      return offset == 0 ? "" : __string(bb_pos + offset);
    }

    public int symbolLength() {
      int offset = offset(SYMBOL);
      return offset == 0 ? 0 : __vector_len(offset);
    }

    public int legsLength() {
      int offset = offset(LEGS);
      return offset == 0 ? 0 : __vector_len(offset);
    }

    public String leg(int index) {
      Leg leg = new Leg();
      leg.at(__indirect(__vector(offset(LEGS)) + 4 * index), bb);
      return leg.symbol();
    }

    /** Every byte that an accessor could reach, added up. */
    public long sum() {
      long sum = id() + string(offset(SYMBOL)) + struct(offset(ONE_PAIR));
      sum += offset(IS_LAST) == 0 ? 0 : bb.get(bb_pos + offset(IS_LAST));
      for (int i = 0; i < legsLength(); i++) {
        sum += new Leg().at(__indirect(__vector(offset(LEGS)) + 4 * i), bb).sum();
      }
      int tags = offset(TAGS);
      for (int i = 0; tags != 0 && i < __vector_len(tags); i++) {
        sum += stringAt(__vector(tags) + 4 * i);
      }
      int pairs = offset(PAIRS);
      for (int i = 0; pairs != 0 && i < __vector_len(pairs); i++) {
        sum += bb.getLong(__vector(pairs) + 8 * i);
      }
      int payload = offset(PAYLOAD);
      if (payload != 0) {
        sum += member(bb.get(bb_pos + offset(PAYLOAD_TYPE)), bb_pos + payload);
      }
      int parts = offset(PARTS);
      for (int i = 0; parts != 0 && i < __vector_len(parts); i++) {
        sum += member(bb.get(__vector(offset(PARTS_TYPE)) + i), __vector(parts) + 4 * i);
      }
      int bytes = offset(BYTES);
      for (int i = 0; bytes != 0 && i < __vector_len(bytes); i++) {
        sum += bb.get(__vector(bytes) + i);
      }
      int nested = offset(NESTED);
      if (nested != 0) {
        ByteBuffer inner = bb.slice(__vector(nested), __vector_len(nested));
        inner.order(ByteOrder.LITTLE_ENDIAN);
        sum += new Note().at(inner.getInt(0), inner).sum();
      }
      int next = offset(NEXT);
      return next == 0 ? sum : sum + new Order().at(__indirect(bb_pos + next), bb).sum();
    }

    private long member(int type, int position) {
      return switch (type) {
        case LEG -> new Leg().at(__indirect(position), bb).sum();
        case NOTE -> new Note().at(__indirect(position), bb).sum();
        case PAIR -> bb.getLong(__indirect(position));
        case TEXT -> stringAt(position);
        default -> 0;
      };
    }

    private long struct(int offset) {
      return offset == 0 ? 0 : bb.getLong(bb_pos + offset);
    }

    private long string(int offset) {
      return offset == 0 ? 0 : stringAt(bb_pos + offset);
    }

    private long stringAt(int position) {
      return stringSum(bb, position);
    }
  }

  /** The bytes of a string and the zero behind them, whatever they mean. */
  private static long stringSum(ByteBuffer bytes, int position) {
    int at = position + bytes.getInt(position);
    int length = bytes.getInt(at);
    long sum = 0;
    for (int i = 0; i <= length; i++) {
      sum += bytes.get(at + 4 + i);
    }
    return sum;
  }

  private static final class Leg extends Table {
    Leg at(int position, ByteBuffer buffer) {
      __reset(position, buffer);
      return this;
    }

    String symbol() {
      return __string(bb_pos + __offset(4));
    }

    long sum() {
      int price = __offset(6);
      int pair = __offset(8);
      return stringSum(bb, bb_pos + __offset(4))
          + (price == 0 ? 0 : bb.getLong(bb_pos + price))
          + (pair == 0 ? 0 : bb.getLong(bb_pos + pair));
    }
  }

  private static final class Note extends Table {
    Note at(int position, ByteBuffer buffer) {
      __reset(position, buffer);
      return this;
    }

    long sum() {
      int text = __offset(4);
      return text == 0 ? 0 : stringSum(bb, bb_pos + text);
    }
  }
}
