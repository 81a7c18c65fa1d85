// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Compression;
import dev.millrace.internal.spi.DeflateParameters;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a connection keeps from message to message, and what it shares. */
class DeflationTest {

  @ParameterizedTest
  @CsvSource({
    "15, true, 8, true",
    "15, true, 9, true",
    "15, true, 7, false",
    "14, true, 8, false",
    "15, false, 8, false"
  })
  void aContextIsKeptWhereItIsWhatWasReckoned(
      int bits, boolean agreed, int memoryLevel, boolean kept) {
    Codec codec = new Codec(null, Compression.enabled().withMemoryLevel(memoryLevel));
    Deflation one = new Deflation(codec, new DeflateParameters(bits, agreed, 15, false));
    Deflation other = new Deflation(codec, new DeflateParameters(bits, agreed, 15, true));
    assertThat(one.takesOver()).isEqualTo(kept);
    assertThat(one.deflater() == other.deflater()).isEqualTo(!kept);
    assertThat(one.window()).isNull();
    assertThat(other.window()).isSameAs(other.window()).isNotNull();
    one.end();
    other.end();
    codec.end();
  }
}
