// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.differential.Differential;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The same frames into the native engine and npm {@code ws}; docs/differential.md explains the
 * rest.
 */
@Timeout(240)
final class WsDifferentialTest {
  private static final long STREAMS = 10_000;

  @BeforeAll
  @Timeout(400)
  static void prepare() throws Exception {
    Peers.prepare();
  }

  private static void assertAlike(long seed, Path folder) throws Exception {
    ByteArrayOutputStream told = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(told, true, StandardCharsets.UTF_8);
    int differences = Differential.againstWs(Peers.prepared(), folder, seed, STREAMS, 120, out);
    assertThat(differences).as(told.toString(StandardCharsets.UTF_8)).isZero();
  }

  @Test
  void streamsOfAFixedSeed(@TempDir Path folder) throws Exception {
    assertAlike(6455, folder);
  }

  @Test
  void streamsOfTheClocksSeed(@TempDir Path folder) throws Exception {
    long seed = System.nanoTime();
    System.out.println("differential streams against ws from seed " + seed);
    assertAlike(seed, folder);
  }
}
