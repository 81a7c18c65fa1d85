// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TerminalTextTest {
  @ParameterizedTest
  @CsvSource({"abc,3", "é,1", "e\u0301,1", "漢字,4", "한글,4", "ｱ,1", "Ａ,2", "😀,2", "€,1", "\u200d,0"})
  void knowsHowWideCharactersAre(String text, int columns) {
    assertEquals(columns, TerminalText.columns(text));
  }

  @Test
  void showsWhatATerminalWouldObey() {
    assertEquals("\\x1b[2J\\x07\\x0d\\x9b", TerminalText.harmless("\033[2J\007\r\u009b"));
    assertEquals("a\\u202eb", TerminalText.harmless("a\u202eb"));
    assertEquals("tab\tand 漢字 😀", TerminalText.harmless("tab\tand 漢字 😀"));
  }

  @Test
  void furtherLinesCannotPassForMessages() {
    assertEquals("one\n  < text two", TerminalText.harmless("one\n< text two"));
  }
}
