// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import java.nio.ByteBuffer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Unmasking in place. Each answers what it has unmasked; the next call masks it again. */
@State(Scope.Thread)
public class UnmaskBenchmark extends Microbenchmark {
  static final int KEY = 0x3D21FA37;

  @Param({"10", "1024", "65536"})
  int length;

  private byte[] heap = {};
  private ByteBuffer direct = ByteBuffer.allocate(0);
  private long address;

  // Short payloads lie in turn at several places: what was written a moment ago is read back
  // slowly.
  private int stride;
  private int places;
  private int turn;

  @Setup
  public void fill() {
    places = length <= 1024 ? 16 : 1;
    stride = (length + 127) / 64 * 64;
    direct = OffHeap.allocate(places * stride);
    heap = new byte[OffHeap.HEADER + direct.capacity()];
    address = NativeKernels.address(direct);
    byte[] masked = Texts.fill(Texts.ASCII, length);
    JavaUnmask.bytewise(masked, 0, length, KEY);
    for (int place = 0; place < places; place++) {
      System.arraycopy(masked, 0, heap, OffHeap.HEADER + place * stride, length);
      direct.put(place * stride, masked);
    }
  }

  @Benchmark
  public byte[] javaBytewise() {
    JavaUnmask.bytewise(heap, OffHeap.HEADER + next(), length, KEY);
    return heap;
  }

  @Benchmark
  public byte[] javaLongs() {
    JavaUnmask.longs(heap, OffHeap.HEADER + next(), length, KEY);
    return heap;
  }

  @Benchmark
  public ByteBuffer javaLongsDirect() {
    JavaUnmask.longs(direct, next(), length, KEY);
    return direct;
  }

  @Benchmark
  public ByteBuffer nativeKernel() {
    NativeKernels.unmask(address + next(), length, KEY);
    return direct;
  }

  private int next() {
    turn = (turn + 1) & (places - 1);
    return turn * stride;
  }

  /** Where the payload of the last call lies in a direct buffer. */
  int last() {
    return turn * stride;
  }
}
