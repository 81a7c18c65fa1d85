// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** Sec-WebSocket-Accept for a key (RFC 6455 4.2.2): SHA-1, then base64. */
@State(Scope.Thread)
public class AcceptKeyBenchmark extends Microbenchmark {
  static final String KEY = "dGhlIHNhbXBsZSBub25jZQ==";
  private static final byte[] GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11".getBytes(ISO_8859_1);

  private final byte[] heap = KEY.getBytes(ISO_8859_1);
  private final ByteBuffer direct = OffHeap.copyOf(heap);
  private final long address = NativeKernels.address(direct);
  private final ByteBuffer accept = ByteBuffer.allocateDirect(28);
  private final long acceptAddress = NativeKernels.address(accept);
  private final MessageDigest sha1 = sha1();

  @Benchmark
  public byte[] javaDigest() {
    sha1.update(heap);
    sha1.update(GUID);
    return Base64.getEncoder().encode(sha1.digest());
  }

  @Benchmark
  public ByteBuffer nativeDigest() {
    NativeKernels.acceptKey(address, heap.length, acceptAddress);
    return accept;
  }

  private static MessageDigest sha1() {
    try {
      return MessageDigest.getInstance("SHA-1");
    } catch (NoSuchAlgorithmException everyJdkHasIt) {
      throw new AssertionError(everyJdkHasIt);
    }
  }
}
