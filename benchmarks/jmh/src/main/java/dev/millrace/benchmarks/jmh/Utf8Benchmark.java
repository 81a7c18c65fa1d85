// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Is it UTF-8? The JDK has no validator; its strict decoder answers the question and leaves the
 * characters behind, in a buffer that is used again.
 */
@State(Scope.Thread)
public class Utf8Benchmark extends Microbenchmark {

  @Param({"10", "1024", "65536"})
  int length;

  @Param({"ascii", "mixed"})
  String text = "";

  private final CharsetDecoder decoder =
      UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);
  private CharBuffer characters = CharBuffer.allocate(0);
  private ByteBuffer heap = ByteBuffer.allocate(0);
  private ByteBuffer direct = ByteBuffer.allocate(0);
  private long address;

  @Setup
  public void fill() {
    take(Texts.fill(text.equals("ascii") ? Texts.ASCII : Texts.MIXED, length));
  }

  void take(byte[] bytes) {
    heap = ByteBuffer.wrap(bytes);
    direct = OffHeap.copyOf(bytes);
    address = NativeKernels.address(direct);
    characters = CharBuffer.allocate(bytes.length);
  }

  @Benchmark
  public boolean javaDecoder() {
    return decodes(heap);
  }

  @Benchmark
  public boolean javaDecoderDirect() {
    return decodes(direct);
  }

  @Benchmark
  public boolean nativeKernel() {
    return NativeKernels.isUtf8(address, direct.capacity());
  }

  private boolean decodes(ByteBuffer bytes) {
    decoder.reset();
    return decoder.decode(bytes.rewind(), characters.clear(), true).isUnderflow()
        && decoder.flush(characters).isUnderflow();
  }
}
