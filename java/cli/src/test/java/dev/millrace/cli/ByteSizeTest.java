// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({"0,0", "1,1", "65536,65536", "64K,65536", "16M,16777216", "16m,16777216"})
  void readsNumbersAndUnits(String text, long bytes) {
    assertEquals(OptionalLong.of(bytes), ByteSize.parse(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "M", "-1", "+1", "1.5M", "16MB", "16 M", "0x10", "٣"})
  void refusesWhatIsNoSize(String text) {
    assertEquals(OptionalLong.empty(), ByteSize.parse(text));
  }

  @Test
  void refusesWhatDoesNotFit() {
    assertEquals(OptionalLong.of(Long.MAX_VALUE >> 30 << 30), ByteSize.parse("8589934591G"));
    assertEquals(OptionalLong.empty(), ByteSize.parse("8589934592G"));
    assertEquals(OptionalLong.empty(), ByteSize.parse("9223372036854775808"));
  }
}
