// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

/** Text as a terminal shows it. */
final class TerminalText {
  private TerminalText() {}

  /** How many columns a character takes: 0, 1 or 2, as terminals agree on for most. */
  static int columns(int codePoint) {
    if (codePoint < 0x300) {
      return 1;
    }
    return switch (Character.getType(codePoint)) {
      case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.FORMAT -> 0;
      default -> isWide(codePoint) ? 2 : 1;
    };
  }

  static int columns(CharSequence text) {
    return text.codePoints().map(TerminalText::columns).sum();
  }

  // The blocks of East Asian width W and F, and the pictures that are shown as wide.
  private static boolean isWide(int c) {
    return between(c, 0x1100, 0x115F)
        || between(c, 0x231A, 0x231B)
        || between(c, 0x23E9, 0x23F3)
        || between(c, 0x2E80, 0x303E)
        || between(c, 0x3041, 0xA4CF)
        || between(c, 0xA960, 0xA97F)
        || between(c, 0xAC00, 0xD7A3)
        || between(c, 0xF900, 0xFAFF)
        || between(c, 0xFE30, 0xFE6F)
        || between(c, 0xFF00, 0xFF60)
        || between(c, 0xFFE0, 0xFFE6)
        || between(c, 0x1F300, 0x1F64F)
        || between(c, 0x1F680, 0x1F6FF)
        || between(c, 0x1F900, 0x1FAFF)
        || between(c, 0x20000, 0x3FFFD);
  }

  private static boolean between(int c, int first, int last) {
    return c >= first && c <= last;
  }

  /**
   * Without the characters that a terminal obeys: a peer shall not move the cursor, set the title
   * or answer in the user's name. Lines after the first are indented, so that none passes for
   * another message.
   */
  static String harmless(CharSequence text) {
    StringBuilder shown = new StringBuilder(text.length());
    text.codePoints().forEach(c -> append(shown, c));
    return shown.toString();
  }

  private static void append(StringBuilder shown, int c) {
    if (c == '\n') {
      shown.append("\n  ");
    } else if (c == '\t' || !isControl(c)) {
      shown.appendCodePoint(c);
    } else {
      shown.append(String.format(c < 0x100 ? "\\x%02x" : "\\u%04x", c));
    }
  }

  // The marks that turn the direction of what follows are no better.
  private static boolean isControl(int c) {
    return Character.isISOControl(c)
        || between(c, 0x2028, 0x202E)
        || between(c, 0x2066, 0x2069)
        || Character.getType(c) == Character.SURROGATE;
  }
}
