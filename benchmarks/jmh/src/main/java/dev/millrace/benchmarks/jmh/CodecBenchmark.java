// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.flatbuffers.FlatBuffers;
import dev.millrace.flatbuffers.HeldLease;
import dev.millrace.flatbuffers.Orders;
import dev.millrace.flatbuffers.Orders.Order;
import dev.millrace.flatbuffers.Schema;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * An order as a message: built in the memory that is sent, and verified and read where it lies;
 * next to JSON by Jackson, into an array and from one. Encoding answers the length, decoding a sum
 * of what was read.
 */
@State(Scope.Thread)
@Warmup(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
public class CodecBenchmark extends Microbenchmark {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Schema<Order> ORDERS = Orders.schema();

  /** How many legs the order has. */
  @Param("4")
  int legs;

  private final FlatBufferBuilder builder = FlatBuffers.builder();
  private HeldLease lease = new HeldLease(OffHeap.allocate(64));
  private ByteBuffer message = ByteBuffer.allocateDirect(0);
  private JsonOrder order = JsonOrder.of(0);
  private byte[] json = {};

  @Setup
  public void fill() throws IOException {
    lease = new HeldLease(OffHeap.allocate(16 << 10));
    message = OffHeap.copyOf(encoded());
    order = JsonOrder.of(legs);
    json = JSON.writeValueAsBytes(order);
  }

  private byte[] encoded() {
    FlatBufferBuilder own = new FlatBufferBuilder(1024);
    Orders.write(own, legs);
    return own.sizedByteArray();
  }

  int jsonLength() {
    return json.length;
  }

  @Benchmark
  public int encodeInLease() {
    FlatBuffers.begin(builder, lease);
    Orders.write(builder, legs);
    return FlatBuffers.finish(builder, lease).length();
  }

  /** As most do: a new builder on the heap, and its bytes as an array. */
  @Benchmark
  public int encodeAndCopy() {
    return encoded().length;
  }

  @Benchmark
  public int encodeJson() throws IOException {
    return JSON.writeValueAsBytes(order).length;
  }

  @Benchmark
  public long verifyAndRead() {
    return ORDERS.read(message).sum();
  }

  /** As most do: the message as an array, read without being verified. */
  @Benchmark
  public long copyAndRead() {
    byte[] copy = new byte[message.remaining()];
    message.get(0, copy);
    return Order.getRootAsOrder(ByteBuffer.wrap(copy)).sum();
  }

  @Benchmark
  public long decodeJson() throws IOException {
    return JSON.readValue(json, JsonOrder.class).sum();
  }
}
