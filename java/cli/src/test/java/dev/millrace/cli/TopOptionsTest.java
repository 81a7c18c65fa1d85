// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TopOptionsTest {

  private static TopOptions parse(String... arguments) throws UsageException {
    return TopOptions.parse(List.of(arguments));
  }

  @Test
  void aPathIsEnough() throws UsageException {
    TopOptions options = parse("/run/a b.sock");
    assertEquals(URI.create("ws+unix:///run/a%20b.sock:/statistics"), options.uri());
    assertEquals(Duration.ofSeconds(1), options.interval());
    assertFalse(options.once() || options.json());
  }

  @Test
  void readsEveryOption() throws UsageException {
    TopOptions options = parse("--interval", "0.5", "--once", "--json", "ws+unix:///run/x.sock");
    assertEquals(URI.create("ws+unix:///run/x.sock:/statistics"), options.uri());
    assertEquals(Duration.ofMillis(500), options.interval());
    assertTrue(options.once() && options.json());
    assertEquals(options.uri(), parse("ws+unix:///run/x.sock:/statistics").uri());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--interval 0 x", "--interval 4000 x", "--bogus x", "x y"})
  void aMistakeIsOneSentence(String line) {
    String[] arguments = line.isEmpty() ? new String[0] : line.split(" ");
    assertThrows(UsageException.class, () -> parse(arguments));
    assertThrows(UsageException.class, () -> parse("--once", ""));
  }
}
