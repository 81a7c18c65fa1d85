// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import java.util.ArrayList;
import java.util.List;

/**
 * One line that is being typed, and what a terminal must be told to show it: it takes characters
 * and gives strings. A line that is too long for the terminal is shown in part, around the cursor,
 * so that it always lies in one row, unless the terminal was made narrower since it was drawn.
 */
final class LineEditor {
  /** What a key has come to. */
  enum Result {
    EDITED,
    /** The line is complete. */
    ENTERED,
    /** The end of the input. */
    ENDED,
    CLEAR_SCREEN
  }

  private enum Escape {
    NONE,
    BEGUN,
    /** Behind ESC [: parameters, then one letter. */
    SEQUENCE,
    /** Behind ESC O: one letter. */
    SINGLE
  }

  private static final String PROMPT = "> ";
  private static final int HISTORY = 1000;
  private static final int CTRL_A = 1;
  private static final int CTRL_B = 2;
  private static final int CTRL_D = 4;
  private static final int CTRL_E = 5;
  private static final int CTRL_F = 6;
  private static final int CTRL_H = 8;
  private static final int CTRL_K = 11;
  private static final int CTRL_L = 12;
  private static final int CTRL_N = 14;
  private static final int CTRL_P = 16;
  private static final int CTRL_U = 21;
  private static final int CTRL_W = 23;
  private static final int ESCAPE = 27;
  private static final int DELETE = 127;

  private final StringBuilder line = new StringBuilder();
  private int cursor;
  private final List<String> history = new ArrayList<>();
  private int recalled;
  private String unfinished = "";
  private Escape escape = Escape.NONE;
  private final StringBuilder parameters = new StringBuilder();
  private int drawnCursor;

  /** Takes a character, which may be a key's. */
  Result type(int codePoint) {
    if (escape != Escape.NONE) {
      escaped(codePoint);
      return Result.EDITED;
    }
    switch (codePoint) {
      case '\n', '\r' -> {
        return Result.ENTERED;
      }
      case CTRL_D -> {
        if (line.isEmpty()) {
          return Result.ENDED;
        }
        delete(cursor, after(cursor));
      }
      case CTRL_L -> {
        return Result.CLEAR_SCREEN;
      }
      case ESCAPE -> escape = Escape.BEGUN;
      case CTRL_H, DELETE -> delete(before(cursor), cursor);
      case CTRL_A -> cursor = 0;
      case CTRL_E -> cursor = line.length();
      case CTRL_B -> cursor = before(cursor);
      case CTRL_F -> cursor = after(cursor);
      case CTRL_K -> line.setLength(cursor);
      case CTRL_U -> delete(0, cursor);
      case CTRL_W -> delete(wordBefore(), cursor);
      case CTRL_P -> recall(recalled - 1);
      case CTRL_N -> recall(recalled + 1);
      default -> insert(codePoint);
    }
    return Result.EDITED;
  }

  private void insert(int codePoint) {
    if (codePoint >= ' ' || codePoint == '\t') {
      String typed = Character.toString(codePoint);
      line.insert(cursor, typed);
      cursor += typed.length();
    }
  }

  private void escaped(int codePoint) {
    Escape before = escape;
    escape = Escape.NONE;
    switch (before) {
      case BEGUN -> begun(codePoint);
      case SINGLE -> key((char) codePoint, "");
      default -> {
        if (codePoint >= 0x40 && codePoint <= 0x7E) {
          key((char) codePoint, parameters.toString());
        } else if (parameters.length() < 16) {
          parameters.appendCodePoint(codePoint);
          escape = Escape.SEQUENCE;
        }
      }
    }
  }

  private void begun(int codePoint) {
    switch (codePoint) {
      case '[' -> {
        parameters.setLength(0);
        escape = Escape.SEQUENCE;
      }
      case 'O' -> escape = Escape.SINGLE;
      case ESCAPE -> escape = Escape.BEGUN;
      case 'b' -> cursor = wordBefore();
      case 'f' -> cursor = wordAfter();
      case 'd' -> delete(cursor, wordAfter());
      case DELETE, CTRL_H -> delete(wordBefore(), cursor);
      default -> {}
    }
  }

  // The keys of xterm and those that follow it; 1;5 and 1;3 stand for Ctrl and Alt.
  private void key(char letter, String parameters) {
    boolean word = parameters.endsWith(";5") || parameters.endsWith(";3");
    switch (letter) {
      case 'A' -> recall(recalled - 1);
      case 'B' -> recall(recalled + 1);
      case 'C' -> cursor = word ? wordAfter() : after(cursor);
      case 'D' -> cursor = word ? wordBefore() : before(cursor);
      case 'H' -> cursor = 0;
      case 'F' -> cursor = line.length();
      case '~' -> {
        switch (parameters) {
          case "1", "7" -> cursor = 0;
          case "4", "8" -> cursor = line.length();
          case "3" -> delete(cursor, after(cursor));
          default -> {}
        }
      }
      default -> {}
    }
  }

  private void delete(int from, int to) {
    line.delete(from, to);
    cursor = from;
  }

  // A mark that takes no column belongs to the character before it.
  private int before(int index) {
    while (index > 0) {
      index = line.offsetByCodePoints(index, -1);
      if (columnsAt(index) > 0) {
        break;
      }
    }
    return index;
  }

  private int after(int index) {
    if (index < line.length()) {
      index = line.offsetByCodePoints(index, 1);
    }
    while (index < line.length() && columnsAt(index) == 0) {
      index = line.offsetByCodePoints(index, 1);
    }
    return index;
  }

  private int columnsAt(int index) {
    return TerminalText.columns(line.codePointAt(index));
  }

  private int wordBefore() {
    int index = cursor;
    while (index > 0 && line.charAt(index - 1) == ' ') {
      index--;
    }
    while (index > 0 && line.charAt(index - 1) != ' ') {
      index--;
    }
    return index;
  }

  private int wordAfter() {
    int index = cursor;
    while (index < line.length() && line.charAt(index) == ' ') {
      index++;
    }
    while (index < line.length() && line.charAt(index) != ' ') {
      index++;
    }
    return index;
  }

  private void recall(int index) {
    if (index < 0 || index > history.size()) {
      return;
    }
    if (recalled == history.size()) {
      unfinished = line.toString();
    }
    recalled = index;
    line.setLength(0);
    line.append(index == history.size() ? unfinished : history.get(index));
    cursor = line.length();
  }

  /** Gives the line that was entered, and begins a new one. */
  String take() {
    String entered = line.toString();
    if (!entered.isBlank()
        && (history.isEmpty() || !history.get(history.size() - 1).equals(entered))) {
      history.add(entered);
      if (history.size() > HISTORY) {
        history.remove(0);
      }
    }
    recalled = history.size();
    unfinished = "";
    line.setLength(0);
    cursor = 0;
    return entered;
  }

  /** What draws prompt and line where the cursor is, in the first column of a row. */
  String draw(int width) {
    int room = Math.max(8, width - PROMPT.length() - 1);
    int first = firstShown(room);
    StringBuilder drawn = new StringBuilder(PROMPT);
    int columns = 0;
    int index = first;
    while (index < line.length() && columns + columnsAt(index) <= room) {
      int c = line.codePointAt(index);
      columns += columnsAt(index);
      drawn.append(Character.isISOControl(c) ? " " : Character.toString(c));
      index += Character.charCount(c);
    }
    int toCursor = TerminalText.columns(line.substring(first, cursor));
    if (columns > toCursor) {
      drawn.append("\033[").append(columns - toCursor).append('D');
    }
    drawnCursor = PROMPT.length() + toCursor;
    return drawn.toString();
  }

  // All of it, if it fits; else what ends with the cursor, give or take a third of the room.
  private int firstShown(int room) {
    if (line.length() <= room && TerminalText.columns(line) <= room) {
      return 0;
    }
    int ahead = 0;
    int index = cursor;
    while (index < line.length() && ahead < room / 3) {
      ahead += columnsAt(index);
      index = after(index);
    }
    int left = room - Math.min(ahead, room / 3) - 1;
    int first = cursor;
    while (first > 0) {
      int previous = before(first);
      left -= columnsAt(previous);
      if (left < 0) {
        break;
      }
      first = previous;
    }
    return first;
  }

  /** What takes away that which was drawn; the cursor is in the first column then. */
  String erase(int width) {
    int rows = drawnCursor / Math.max(1, width);
    drawnCursor = 0;
    return "\r" + (rows > 0 ? "\033[" + rows + "A" : "") + "\033[J";
  }

  /** What stands in place of the drawn line when it has been entered: all of it. */
  String entered() {
    return PROMPT + TerminalText.harmless(line) + "\n";
  }
}
