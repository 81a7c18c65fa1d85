// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LineEditorTest {
  private static final String LEFT = "\033[D";
  private static final String UP = "\033[A";
  private static final String DOWN = "\033OB";
  private static final int WIDTH = 20;

  private final LineEditor editor = new LineEditor();

  private LineEditor.Result type(String keys) {
    LineEditor.Result result = LineEditor.Result.EDITED;
    for (int key : keys.codePoints().toArray()) {
      result = editor.type(key);
    }
    return result;
  }

  private String enter(String keys) {
    assertEquals(LineEditor.Result.ENTERED, type(keys + "\r"));
    return editor.take();
  }

  /** What a row shows, the cursor as a bar. */
  private static String row(String drawn) {
    Matcher back = Pattern.compile("(.*?)(?:\033\\[([0-9]+)D)?").matcher(drawn);
    assertTrue(back.matches(), drawn);
    String text = back.group(1);
    int cursor =
        TerminalText.columns(text) - (back.group(2) == null ? 0 : Integer.parseInt(back.group(2)));
    int index = 0;
    while (TerminalText.columns(text.substring(0, index)) < cursor) {
      index = text.offsetByCodePoints(index, 1);
    }
    return text.substring(0, index) + "|" + text.substring(index);
  }

  @ParameterizedTest
  @CsvSource({
    "abc, abc",
    "abX\u007fc, abc",
    "bc\u0001a, abc",
    "ac\033[Db, abc",
    "ac\033ODb, abc",
    "'é漢😀\b\b', é",
    "one two\u0017three, one three",
    "'one two\033b\u000b', one",
    "abc\025d, d",
    "abX\033[D\033[3~c, abc",
    "bc\033[Ha\033[Fd, abcd",
    "one two\033[1;5D\033[1;5D\u0004O, One two",
    "a\033[200;1zb, ab",
    "a\tb, a\tb"
  })
  void editsAsShellsDo(String keys, String line) {

    assertEquals(line == null ? "" : line, enter(keys).stripTrailing());
  }

  @Test
  void aMarkGoesWithItsLetter() {
    type("ae\u0301" + LEFT);
    assertEquals("> a|e\u0301", row(editor.draw(WIDTH)));
    assertEquals("be\u0301", enter("\bb"));
  }

  @Test
  void ctrlDIsTheEndOfAnEmptyLineOnly() {
    assertEquals(LineEditor.Result.EDITED, type("a\u0004"));
    assertEquals(LineEditor.Result.ENDED, type("\b\u0004"));
  }

  @Test
  void remembersLinesAndTheOneThatIsNotFinished() {
    enter("one");
    enter("two");
    enter("two");
    type("thr" + UP + UP);
    assertEquals("> one|", row(editor.draw(WIDTH)));
    type(UP + DOWN + DOWN + DOWN);
    assertEquals("> thr|", row(editor.draw(WIDTH)));
  }

  @Test
  void aLongLineIsShownInOneRowAroundTheCursor() {
    String line = "0123456789".repeat(3);
    type(line);
    for (int i = 0; i <= line.length(); i++) {
      String row = row(editor.draw(WIDTH));
      assertTrue(row.length() - 1 < WIDTH, row);
      String before = row.substring(2, row.indexOf('|'));
      String behind = row.substring(row.indexOf('|') + 1);
      int cursor = line.length() - i;
      assertTrue(line.substring(0, cursor).endsWith(before), row);
      assertTrue(line.substring(cursor).startsWith(behind), row);
      assertTrue(before.length() > 3 || before.length() == cursor, row);
      assertTrue(behind.length() > 3 || behind.length() == i, row);
      type(LEFT);
    }
  }

  @Test
  void wideCharactersNeverReachTheLastColumn() {
    type("漢".repeat(30));
    List<String> rows = new ArrayList<>();
    for (int i = 0; i <= 30; i++) {
      rows.add(editor.draw(WIDTH));
      type(LEFT);
    }
    for (String drawn : rows) {
      assertTrue(TerminalText.columns(row(drawn)) - 1 < WIDTH, row(drawn));
    }
  }

  @Test
  void isErasedWhereTheTerminalBecameNarrower() {
    type("0123456789");
    editor.draw(WIDTH);
    assertEquals("\r\033[J", editor.erase(WIDTH));
    editor.draw(WIDTH);
    assertEquals("\r\033[1A\033[J", editor.erase(10));
  }

  @Test
  void whatWasEnteredStaysWhole() {
    type("x".repeat(50));
    assertEquals("> " + "x".repeat(50) + "\n", editor.entered());
  }
}
