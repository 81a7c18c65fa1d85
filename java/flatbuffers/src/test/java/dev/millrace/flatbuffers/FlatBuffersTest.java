// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.google.flatbuffers.FlatBufferBuilder;
import com.google.flatbuffers.Table;
import dev.millrace.Handler;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class FlatBuffersTest {

  @Test
  void buildsDownwardsInTheMemoryOfTheLease() {
    HeldLease lease = new HeldLease(512);
    FlatBufferBuilder builder = FlatBuffers.builder(lease);
    builder.finish(point(builder, 7, "a string that is somewhere in the buffer"));

    assertThat(FlatBuffers.finish(builder, lease)).isSameAs(lease);

    assertThat(lease.offset() + lease.length()).isEqualTo(512);
    Point read = Point.root(lease.sent());
    assertThat(read.x()).isEqualTo(7);
    assertThat(read.name()).isEqualTo("a string that is somewhere in the buffer");
  }

  /** Two buffers with the same bytes could be copies; two that change together are one memory. */
  @Test
  void finishedBytesAndLeaseAreTheSameAddresses() {
    HeldLease lease = new HeldLease(256);
    FlatBufferBuilder builder = FlatBuffers.builder(lease);
    builder.finish(point(builder, 7, "x"));
    FlatBuffers.finish(builder, lease);
    ByteBuffer finished = builder.dataBuffer();

    assertThat(finished.remaining()).isEqualTo(lease.length());
    for (int i = 0; i < lease.length(); i++) {
      byte before = finished.get(finished.position() + i);
      lease.memory.put(lease.offset() + i, (byte) ~before);
      assertThat(finished.get(finished.position() + i)).isEqualTo((byte) ~before);
    }
  }

  @Test
  void leavesTheLeaseBytesBelowTheFlatBufferAlone() {
    HeldLease lease = new HeldLease(128);
    for (int i = 0; i < 128; i++) {
      lease.memory.put(i, (byte) 0x5A);
    }
    FlatBufferBuilder builder = FlatBuffers.builder(lease);
    builder.finish(point(builder, 1, "y"));
    FlatBuffers.finish(builder, lease);

    for (int i = 0; i < lease.offset(); i++) {
      assertThat(lease.memory.get(i)).isEqualTo((byte) 0x5A);
    }
  }

  @Test
  void clearBeginsAgainInTheSameLease() {
    HeldLease lease = new HeldLease(128);
    FlatBufferBuilder builder = FlatBuffers.builder(lease);
    for (int i = 0; i < 100; i++) {
      builder.clear();
      builder.finish(point(builder, i, "again"));
      FlatBuffers.finish(builder, lease);
      assertThat(Point.root(lease.sent()).x()).isEqualTo(i);
    }
  }

  /** The encoder wants room for one more scalar than it writes; that is all that is lost. */
  @Test
  void needsAtMostEightBytesMoreThanTheFlatBuffer() {
    FlatBufferBuilder model = new FlatBufferBuilder(64);
    model.finish(point(model, 3, "exact"));
    int needed = model.dataBuffer().remaining();

    HeldLease lease = new HeldLease(needed + 8);
    FlatBufferBuilder builder = FlatBuffers.builder(lease);
    builder.finish(point(builder, 3, "exact"));
    FlatBuffers.finish(builder, lease);

    assertThat(lease.length()).isEqualTo(needed);
    assertThat(lease.sent()).isEqualTo(model.dataBuffer());
  }

  @Test
  void overflowNamesBothSizes() {
    HeldLease lease = new HeldLease(32);
    FlatBufferBuilder builder = FlatBuffers.builder(lease);

    assertThatIllegalStateException()
        .isThrownBy(() -> builder.createString("longer than thirty-two bytes, by a little"))
        .withMessage("FlatBuffer does not fit its lease: next size=64, capacity=32");
  }

  @Test
  void anUnfinishedBuilderIsRefused() {
    HeldLease lease = new HeldLease(64);
    FlatBufferBuilder builder = FlatBuffers.builder(lease);

    assertThatIllegalStateException()
        .isThrownBy(() -> FlatBuffers.finish(builder, lease))
        .withMessageContaining("not finished");
  }

  @Test
  void aBuilderOfAnotherLeaseIsRefused() {
    HeldLease lease = new HeldLease(64);
    HeldLease other = new HeldLease(64);
    FlatBufferBuilder builder = FlatBuffers.builder(other);
    builder.finish(point(builder, 1, "z"));

    assertThatIllegalArgumentException().isThrownBy(() -> FlatBuffers.finish(builder, lease));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FlatBuffers.finish(new FlatBufferBuilder(64), lease));
  }

  @Test
  void aReceivedMessageIsNotBuiltInto() {
    HeldLease lease = new HeldLease(64);
    lease.shown = lease.memory.asReadOnlyBuffer();

    assertThatIllegalArgumentException()
        .isThrownBy(() -> FlatBuffers.builder(lease))
        .withMessageContaining("read-only");
  }

  /** The shape users write, kept compiling. */
  static Handler typed(Schema<Point> points) {
    return TypedHandler.of(points, (connection, point) -> connection.send(point.name()));
  }

  private static int point(FlatBufferBuilder builder, int x, String name) {
    int nameOffset = builder.createString(name);
    builder.startTable(2);
    builder.addInt(0, x, 0);
    builder.addOffset(1, nameOffset, 0);
    return builder.endTable();
  }

  /** What flatc generates for {@code table Point { x: int; name: string; }}. */
  static final class Point extends Table {

    static Point root(ByteBuffer buffer) {
      ByteBuffer little = buffer.duplicate().order(ByteOrder.LITTLE_ENDIAN);
      Point point = new Point();
      point.__reset(little.getInt(little.position()) + little.position(), little);
      return point;
    }

    int x() {
      int offset = __offset(4);
      return offset == 0 ? 0 : bb.getInt(bb_pos + offset);
    }

    String name() {
      int offset = __offset(6);
      return offset == 0 ? "" : __string(bb_pos + offset);
    }
  }
}
