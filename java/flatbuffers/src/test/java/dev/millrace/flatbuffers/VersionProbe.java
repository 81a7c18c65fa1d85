// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.flatbuffers.Orders.Order;
import dev.millrace.internal.spi.MessageMemory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Runs with another flatbuffers-java: builds, verifies and reads. Says what it has read. */
public final class VersionProbe implements Function<byte[], String> {

  @Override
  public String apply(byte[] bfbs) {
    try {
      return run(Schema.load(bfbs, Order::getRootAsOrder));
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static String run(Schema<Order> orders) throws Exception {
    List<String> read = new ArrayList<>();
    TypedRoute<Order> route =
        TypedRoute.of(
            orders,
            (connection, order) ->
                read.add(System.identityHashCode(order) + " " + order.symbol() + order.leg(1)));
    FlatBufferBuilder builder = FlatBuffers.builder();
    for (int i = 0; i < 2; i++) {
      HeldLease lease = new HeldLease.Growing(64);
      FlatBuffers.begin(builder, lease);
      Orders.write(builder, 20);
      FlatBuffers.finish(builder, lease);
      orders.verify(lease.sent());
      route.onMessage(null, new HeldMessage(lease.sent()));
    }
    boolean isReused = read.get(0).equals(read.get(1));
    return (isReused ? "reused " : "made anew ") + read.get(0).replaceFirst("^\\S+ ", "");
  }

  /** A message in the middle of a larger memory. */
  private record HeldMessage(ByteBuffer payload) implements Message, MessageMemory {
    @Override
    public Kind kind() {
      return Kind.BINARY;
    }

    @Override
    public int length() {
      return payload.remaining();
    }

    @Override
    public ByteBuffer memory() {
      ByteBuffer memory = ByteBuffer.allocateDirect(length() + 64);
      return memory.put(32, payload, 0, length());
    }

    @Override
    public int memoryOffset() {
      return 32;
    }

    @Override
    public String text() {
      throw new UnsupportedOperationException();
    }

    @Override
    public byte[] toByteArray() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Lease retain() {
      throw new UnsupportedOperationException();
    }
  }
}
