// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.util.function.IntPredicate;

/**
 * The parts of HTTP that a request head is made of (RFC 9110, RFC 9112, RFC 3986), over runs of
 * bytes from {@code from} to {@code to}.
 */
final class HttpSyntax {
  /** RFC 9110 5.6.2. */
  private static final boolean[] TOKEN =
      set(c -> isAlpha(c) || isDigit(c) || "!#$%&'*+-.^_`|~".indexOf(c) >= 0);

  /** RFC 9110 5.5: no control character but the tab. */
  private static final boolean[] FIELD_VALUE = set(c -> c == '\t' || c >= 0x20 && c != 0x7F);

  private static final boolean[] TARGET = set(c -> c > 0x20 && c < 0x7F && c != '#');

  /** The unreserved characters and sub-delimiters of RFC 3986 2.2, 2.3. */
  private static final boolean[] REG_NAME =
      set(c -> isAlpha(c) || isDigit(c) || "-._~!$&'()*+,;=".indexOf(c) >= 0);

  private static final String[] SCHEMES = {"http://", "https://", "ws://", "wss://"};
  private static final String HTTP_1_1 = "HTTP/1.1";
  private static final String HTTP_1 = "HTTP/1.";

  /** The length of an HTTP version. */
  static final int VERSION_LENGTH = HTTP_1_1.length();

  private static final int MAX_PORT = 65_535;

  private HttpSyntax() {}

  private static boolean[] set(IntPredicate predicate) {
    boolean[] set = new boolean[256];
    for (int c = 0; c < set.length; c++) {
      set[c] = predicate.test(c);
    }
    return set;
  }

  private static boolean isAlpha(int c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isHex(int c) {
    return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F';
  }

  private static int lowered(int c) {
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  }

  static boolean isBlank(byte b) {
    return b == ' ' || b == '\t';
  }

  private static boolean consistsOf(boolean[] set, byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      if (!set[bytes[i] & 0xFF]) {
        return false;
      }
    }
    return true;
  }

  /** Where a byte stands first, {@code to} if nowhere. */
  static int indexOf(char wanted, byte[] bytes, int from, int to) {
    int i = from;
    while (i < to && bytes[i] != wanted) {
      i++;
    }
    return i;
  }

  static boolean isTokenCharacter(byte b) {
    return TOKEN[b & 0xFF];
  }

  static boolean isToken(byte[] bytes, int from, int to) {
    return from < to && consistsOf(TOKEN, bytes, from, to);
  }

  static boolean isFieldValue(byte[] bytes, int from, int to) {
    return consistsOf(FIELD_VALUE, bytes, from, to);
  }

  /** {@code field-name ":" OWS field-value OWS} in one line, RFC 9112 5. */
  static boolean isField(byte[] bytes, int from, int to) {
    int colon = indexOf(':', bytes, from, to);
    return colon < to && isToken(bytes, from, colon) && isFieldValue(bytes, colon + 1, to);
  }

  static boolean isNumber(byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      if (!isDigit(bytes[i])) {
        return false;
      }
    }
    return from < to;
  }

  static boolean equals(byte[] bytes, int from, int to, String text) {
    if (to - from != text.length()) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      if (bytes[from + i] != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  static boolean equalsIgnoringCase(byte[] bytes, int from, int to, String lower) {
    if (to - from != lower.length()) {
      return false;
    }
    for (int i = 0; i < lower.length(); i++) {
      if (lowered(bytes[from + i]) != lower.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /** Whether a comma-separated list has this element (RFC 9110 5.6.1). */
  static boolean listContains(byte[] bytes, int from, int to, String lower) {
    for (int start = from; start <= to; ) {
      int comma = indexOf(',', bytes, start, to);
      int first = start;
      int last = comma;
      while (first < last && isBlank(bytes[first])) {
        first++;
      }
      while (last > first && isBlank(bytes[last - 1])) {
        last--;
      }
      if (equalsIgnoringCase(bytes, first, last, lower)) {
        return true;
      }
      start = comma + 1;
    }
    return false;
  }

  /** {@code uri-host [ ":" port ]}, RFC 9110 7.2. */
  static boolean isHost(byte[] bytes, int from, int to) {
    int end;
    if (from < to && bytes[from] == '[') {
      int bracket = indexOf(']', bytes, from, to);
      if (bracket == to || !isIpLiteral(bytes, from + 1, bracket)) {
        return false;
      }
      end = bracket + 1;
    } else {
      end = indexOf(':', bytes, from, to);
      if (!isRegName(bytes, from, end)) {
        return false;
      }
    }
    return end == to || bytes[end] == ':' && isPort(bytes, end + 1, to);
  }

  private static boolean isRegName(byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      if (bytes[i] == '%') {
        if (to - i < 3 || !isHex(bytes[i + 1]) || !isHex(bytes[i + 2])) {
          return false;
        }
        i += 2;
      } else if (!REG_NAME[bytes[i] & 0xFF]) {
        return false;
      }
    }
    return from < to;
  }

  /** The inside of the brackets, RFC 3986 3.2.2. What it means is for whoever resolves it. */
  private static boolean isIpLiteral(byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      if (!REG_NAME[bytes[i] & 0xFF] && bytes[i] != ':') {
        return false;
      }
    }
    return from < to;
  }

  /** {@code port = *DIGIT}. */
  private static boolean isPort(byte[] bytes, int from, int to) {
    int port = 0;
    for (int i = from; i < to; i++) {
      if (!isDigit(bytes[i])) {
        return false;
      }
      port = port * 10 + bytes[i] - '0';
      if (port > MAX_PORT) {
        return false;
      }
    }
    return true;
  }

  /** A path, or an absolute URI of http or ws (RFC 9112 3.2.1, 3.2.2). */
  static boolean isRequestTarget(byte[] bytes, int from, int to) {
    if (from < to && bytes[from] == '/') {
      return consistsOf(TARGET, bytes, from, to);
    }
    for (String scheme : SCHEMES) {
      int authority = from + scheme.length();
      if (authority <= to && equalsIgnoringCase(bytes, from, authority, scheme)) {
        int end = Math.min(indexOf('/', bytes, authority, to), indexOf('?', bytes, authority, to));
        return isHost(bytes, authority, end) && consistsOf(TARGET, bytes, end, to);
      }
    }
    return false;
  }

  static boolean isHttp11(byte[] bytes, int from, int to) {
    return equals(bytes, from, to, HTTP_1_1);
  }

  /** Whether these bytes, which may be fewer, are those that HTTP/1.1 and HTTP/1.0 begin with. */
  static boolean beginsHttp1(byte[] bytes, int from, int to) {
    int length = Math.min(to - from, HTTP_1.length());
    return equals(bytes, from, from + length, HTTP_1.substring(0, length));
  }

  /** Of any number. */
  static boolean isHttpVersion(byte[] bytes, int from, int to) {
    return to - from == VERSION_LENGTH
        && equals(bytes, from, from + 5, "HTTP/")
        && isDigit(bytes[from + 5])
        && bytes[from + 6] == '.'
        && isDigit(bytes[from + 7]);
  }
}
