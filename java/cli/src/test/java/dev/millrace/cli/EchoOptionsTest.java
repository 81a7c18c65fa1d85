// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.HandlerExecutor;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EchoOptionsTest {
  private static EchoOptions parse(String line) throws UsageException {
    return EchoOptions.parse(line.isEmpty() ? List.of() : List.of(line.split(" ")));
  }

  @Test
  void defaultsAreThoseOfTheHelpText() throws UsageException {
    assertEquals(
        new EchoOptions(
            List.of("ws://127.0.0.1:9001"),
            Engine.AUTO,
            OptionalInt.empty(),
            16 * 1024 * 1024,
            OptionalLong.empty(),
            Compression.disabled(),
            HandlerExecutor.loop(),
            Optional.empty()),
        parse(""));
  }

  @Test
  void readsEveryOption() throws UsageException {
    assertEquals(
        new EchoOptions(
            List.of("ws://127.0.0.1:0", "ws+unix:///tmp/x.sock"),
            Engine.NATIVE,
            OptionalInt.of(2),
            65536,
            OptionalLong.of(64 << 20),
            Compression.disabled(),
            HandlerExecutor.loop(),
            Optional.of(Path.of("/tmp/a.sock"))),
        parse(
            "--administration /tmp/a.sock --listen ws://127.0.0.1:0 --engine native --loops 2 --max-message 64K"
                + " --max-memory 64M"
                + " --listen ws+unix:///tmp/x.sock --compression off --executor loop"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--loops 1K",
        "--loops 99999999999",
        "--max-message 2G",
        "--max-message 0",
        "--max-message 268435457",
        "--max-message many",
        "--max-memory most",
        "--engine fast",
        "--compression maybe",
        "--compression 10",
        "--executor pool",
        "--listen",
        "--verbose",
        "stray"
      })
  void refusesInOneLineThatNamesTheMistake(String line) {
    UsageException e = assertThrows(UsageException.class, () -> parse(line));
    assertFalse(e.getMessage().contains("\n"), e.getMessage());
    assertTrue(e.getMessage().contains(line.split(" ")[0]), e.getMessage());
  }

  @Test
  @EnabledForJreRange(min = JRE.JAVA_21)
  void takesVirtualThreads() throws UsageException {
    assertSame(HandlerExecutor.virtualThreads(), parse("--executor virtual").executor());
  }

  @Test
  @EnabledForJreRange(max = JRE.JAVA_18)
  void saysWhichJdkHasVirtualThreads() {
    UsageException e = assertThrows(UsageException.class, () -> parse("--executor virtual"));
    assertEquals(
        "--executor virtual: virtual threads need JDK 21 or newer: this is JDK "
            + Runtime.version(),
        e.getMessage());
  }

  @Test
  void takesTheJavaEngine() throws UsageException {
    assertEquals(Engine.JAVA, parse("--engine java").engine());
  }

  @Test
  void compresses() throws UsageException {
    assertSame(Compression.enabled(), parse("--compression on").compression());
    assertEquals(6, parse("--compression 6").compression().level());
  }
}
