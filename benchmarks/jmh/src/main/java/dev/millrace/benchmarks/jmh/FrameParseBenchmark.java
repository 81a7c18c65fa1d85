// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import java.nio.ByteBuffer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Eight masked frames in one buffer, as a receive brings them: their headers alone, and with the
 * payload unmasked. The time is that of one frame; the eight share one native call. Each answers
 * the sum of lengths and keys.
 */
@State(Scope.Thread)
@OperationsPerInvocation(FrameParseBenchmark.FRAMES)
public class FrameParseBenchmark extends Microbenchmark {
  static final int FRAMES = 8;

  /** Payload bytes; their lengths take each of the three forms. */
  @Param({"10", "1024", "65536"})
  int length;

  private ByteBuffer received = ByteBuffer.allocate(0);
  private long address;

  @Setup
  public void fill() {
    received = OffHeap.allocate(FRAMES * (OffHeap.HEADER + length));
    for (int frame = 0; frame < FRAMES; frame++) {
      int key = key(frame);
      byte[] payload = payload(frame);
      JavaUnmask.bytewise(payload, 0, length, key);
      received.put((byte) 0x82);
      if (length < 126) {
        received.put((byte) (0x80 | length));
      } else if (length <= 0xFFFF) {
        received.put((byte) (0x80 | 126)).putShort((short) length);
      } else {
        received.put((byte) (0x80 | 127)).putLong(length);
      }
      received.putInt(Integer.reverseBytes(key)).put(payload);
    }
    received.flip();
    address = NativeKernels.address(received);
  }

  @Benchmark
  public long javaHeaders() {
    return JavaFrames.headers(received, received.limit());
  }

  @Benchmark
  public long nativeHeaders() {
    return NativeKernels.headers(address, received.limit());
  }

  @Benchmark
  public long javaFrames() {
    return JavaFrames.frames(received, received.limit());
  }

  @Benchmark
  public long nativeFrames() {
    return NativeKernels.frames(address, received.limit());
  }

  static int key(int frame) {
    return 0x9E3779B9 * (frame + 1);
  }

  /** The payload of a frame before it was masked. */
  byte[] payload(int frame) {
    return Texts.fill(Texts.ASCII.substring(frame), length);
  }

  ByteBuffer received() {
    return received;
  }
}
