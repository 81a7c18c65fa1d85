// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.MillraceException;
import org.junit.jupiter.api.Test;

class MemorySharesTest {
  private static final long MEBIBYTE = 1 << 20;

  private static Limits ceiling(long mebibytes) {
    return Limits.defaults().withMaxMemoryBytes(mebibytes * MEBIBYTE);
  }

  private static MemoryShares of(Limits limits, int loops, Compression compression, Engine engine)
      throws MillraceException {
    return MemoryShares.of(limits, 0, loops, compression, engine);
  }

  @Test
  void sharesOfANativeServer() throws MillraceException {
    MemoryShares shares = of(ceiling(256), 2, Compression.enabled(), Engine.NATIVE);

    assertThat(shares)
        .hasToString("ceiling=256 MiB, loops=2, loop=64 MiB, shared=64 MiB, compression=64 MiB");
    // Two loops' own state, and the rest of a quarter.
    assertThat(shares.compressionBudgetBytes()).isEqualTo(62 * MEBIBYTE);
    assertThat(shares.compression(Compression.enabled()).memoryBudgetBytes())
        .isEqualTo(62 * MEBIBYTE);
    assertThat(shares.limits(ceiling(256)).regionBytes()).isEqualTo(64 * MEBIBYTE);
  }

  @Test
  void sharesOfAJavaServer() throws MillraceException {
    assertThat(of(ceiling(256), 2, Compression.disabled(), Engine.JAVA))
        .hasToString("ceiling=256 MiB, loops=2, loop=128 MiB, shared=0 MiB, compression=0 MiB");
  }

  @Test
  void theirSumIsAtMostTheCeiling() throws MillraceException {
    for (Engine engine : new Engine[] {Engine.NATIVE, Engine.JAVA}) {
      for (long mebibytes = 100; mebibytes < 20_000; mebibytes += 333) {
        for (int loops = 1; loops <= 2; loops++) {
          MemoryShares shares = of(ceiling(mebibytes), loops, Compression.enabled(), engine);
          long sum = shares.sharedBytes() + shares.compressionBytes() + loops * shares.loopBytes();
          assertThat(sum).isLessThanOrEqualTo(shares.ceilingBytes());
          assertThat(shares.loopBytes()).isLessThanOrEqualTo(1024 * MEBIBYTE);
          assertThat(shares.sharedBytes()).isLessThanOrEqualTo(1024 * MEBIBYTE);
        }
      }
    }
  }

  @Test
  void administrationIsTakenFromTheLoops() throws MillraceException {
    MemoryShares shares =
        MemoryShares.of(ceiling(256), 4 * MEBIBYTE, 2, Compression.enabled(), Engine.NATIVE);

    assertThat(shares)
        .hasToString(
            "ceiling=256 MiB, loops=2, loop=62 MiB, shared=64 MiB, compression=64 MiB,"
                + " administration=4 MiB");
    assertThatThrownBy(
            () ->
                MemoryShares.of(
                    ceiling(64), 4 * MEBIBYTE, 3, Compression.disabled(), Engine.NATIVE))
        .hasMessageContaining("less shared=16777216 and compression=0 and administration=4194304")
        .hasMessageContaining("leaves 15379114 for each, which needs 16777216");
  }

  @Test
  void aRegionThatWasSetSmallerStaysSo() throws MillraceException {
    Limits limits = ceiling(1024).withRegionBytes(32 * MEBIBYTE);

    assertThat(of(limits, 2, Compression.disabled(), Engine.JAVA).loopBytes())
        .isEqualTo(32 * MEBIBYTE);
  }

  @Test
  void tooLittleIsToldWithAllNumbers() {
    assertThatThrownBy(() -> of(ceiling(64), 4, Compression.disabled(), Engine.NATIVE))
        .isInstanceOf(MillraceException.class)
        .hasMessage(
            "too little memory for 4 loops: maxMemoryBytes=67108864 less shared=16777216 and"
                + " compression=0 leaves 12582912 for each, which needs 16777216 (16 MiB, and 4"
                + " times maxMessageBytes=1048576); raise Limits.maxMemoryBytes, or lower loops or"
                + " Limits.maxMessageBytes");
    Limits longer = ceiling(64).withMaxMessageBytes(16 << 20);
    assertThatThrownBy(() -> of(longer, 1, Compression.disabled(), Engine.NATIVE))
        .hasMessageStartingWith("too little memory for 1 loop: ")
        .hasMessageContaining("needs 67108864");
  }

  /** However small the machine, what was set by nobody starts. */
  @Test
  void defaultsAlwaysStart() throws MillraceException {
    for (long mebibytes = 32; mebibytes < 4096; mebibytes += 7) {
      for (int processors : new int[] {1, 2, 16, 256, 1000}) {
        Limits limits = ceiling(mebibytes);
        int loops = MemoryShares.loops(limits, processors);
        assertThat(loops).isBetween(1, Math.min(processors, 256));
        for (long administration : new long[] {0, 4 * MEBIBYTE}) {
          for (Engine engine : Engine.values()) {
            Compression compression = Compression.enabled();
            MemoryShares.of(limits, administration, loops, compression, engine);
          }
        }
      }
    }
    assertThat(MemoryShares.loops(ceiling(32), 16)).isEqualTo(1);
    assertThat(MemoryShares.loops(ceiling(128), 16)).isEqualTo(4);
    assertThat(MemoryShares.loops(ceiling(4096), 16)).isEqualTo(16);
  }
}
