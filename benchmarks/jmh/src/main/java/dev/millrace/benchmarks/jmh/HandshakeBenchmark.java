// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** An opening handshake that arrived whole. Each answers target, host, origin and key. */
@State(Scope.Thread)
public class HandshakeBenchmark extends Microbenchmark {

  @Param UpgradeRequests request = UpgradeRequests.EXAMPLE;

  private byte[] heap = {};
  private ByteBuffer direct = ByteBuffer.allocate(0);
  private long address;
  private final ByteBuffer slices = ByteBuffer.allocateDirect(32).order(ByteOrder.nativeOrder());
  private final long slicesAddress = NativeKernels.address(slices);

  @Setup
  public void fill() {
    take(request.bytes());
  }

  void take(byte[] head) {
    heap = head;
    direct = OffHeap.copyOf(head);
    address = NativeKernels.address(direct);
  }

  @Benchmark
  public @Nullable UpgradeFacts javaParser() {
    return JavaUpgradeParser.parse(heap, heap.length);
  }

  /** Leaves the facts as places within the request; null for a request that is refused. */
  @Benchmark
  public @Nullable ByteBuffer nativeSlices() {
    return NativeKernels.parseRequest(address, heap.length, slicesAddress) == 1 ? slices : null;
  }

  /** The same, and makes the strings that a handler sees. */
  @Benchmark
  public @Nullable UpgradeFacts nativeStrings() {
    ByteBuffer found = nativeSlices();
    return found == null ? null : new UpgradeFacts(string(0), string(8), string(16), string(24));
  }

  String string(int slice) {
    byte[] text = new byte[slices.getInt(slice + Integer.BYTES)];
    direct.get(slices.getInt(slice), text);
    return new String(text, ISO_8859_1);
  }
}
