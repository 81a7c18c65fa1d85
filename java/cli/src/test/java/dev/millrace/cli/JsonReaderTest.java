// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonReaderTest {

  @Test
  void readsWhatThereIs() {
    assertEquals(
        Map.of("a", List.of(1.0, -2.5e3, true, false, ""), "b c", Map.of(), "d", "x\"\\\n\u00e9"),
        JsonReader.read(
            " {\"a\":[1, -2.5E3,true ,false,null],\"b c\":{},\"d\":\"x\\\"\\\\\\n\\u00e9\"} "));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[1",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "\"x",
        "\"\\u12\"",
        "\"\\u12gh\"",
        "tru",
        "1 2",
        "--1",
        "}"
      })
  void whatIsNoDocumentIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> JsonReader.read(text));
  }

  @Test
  void nestingHasAnEnd() {
    assertThrows(IllegalArgumentException.class, () -> JsonReader.read("[".repeat(100_000)));
  }
}
