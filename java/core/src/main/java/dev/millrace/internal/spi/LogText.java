// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/** Text of others on its way into a log line, which it must not be able to end or to disguise. */
public final class LogText {

  /** The most characters of a text that are shown. */
  public static final int MAX_LENGTH = 256;

  private LogText() {}

  /**
   * The text with everything escaped that is not a visible character or a space: control
   * characters, line separators, characters that turn the direction of what follows, lone
   * surrogates.
   *
   * @param text any text
   * @return one line; cut, and marked so, after {@value #MAX_LENGTH} characters
   */
  public static String of(String text) {
    int end = Math.min(text.length(), MAX_LENGTH);
    StringBuilder line = new StringBuilder(end + 16);
    int codePoint;
    for (int i = 0; i < end; i += Character.charCount(codePoint)) {
      codePoint = text.codePointAt(i);
      if (isVisible(codePoint)) {
        line.appendCodePoint(codePoint);
      } else {
        line.append(String.format("\\u%04x", codePoint));
      }
    }
    return text.length() > end ? line.append("...").toString() : line.toString();
  }

  private static boolean isVisible(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
