// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Base64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An upgrade request (RFC 6455 4.2.1) read as plain Java would: one string, a map of the fields,
 * then the rules.
 */
final class JavaUpgradeParser {
  private static final String TOKEN_MARKS = "!#$%&'*+-.^_`|~";

  private JavaUpgradeParser() {}

  /** The facts, or null for a request that is no whole and correct upgrade. */
  static @Nullable UpgradeFacts parse(byte[] bytes, int length) {
    String head = new String(bytes, 0, length, ISO_8859_1);
    int lineEnd = head.indexOf("\r\n");
    String[] request = lineEnd < 0 ? new String[0] : head.substring(0, lineEnd).split(" ");
    Map<String, String> fields = fields(head, lineEnd + 2);
    if (request.length != 3 || fields == null) {
      return null;
    }
    String host = fields.get("host");
    String key = fields.get("sec-websocket-key");
    boolean isUpgrade =
        request[0].equals("GET")
            && request[1].startsWith("/")
            && request[2].equals("HTTP/1.1")
            && host != null
            && contains(fields.get("upgrade"), "websocket")
            && contains(fields.get("connection"), "upgrade")
            && "13".equals(fields.get("sec-websocket-version"))
            && key != null
            && isKey(key);
    return isUpgrade
        ? new UpgradeFacts(request[1], host, fields.getOrDefault("origin", ""), key)
        : null;
  }

  /**
   * The fields by their names in lower case; null when a line is malformed or the end is missing.
   */
  private static @Nullable Map<String, String> fields(String head, int start) {
    Map<String, String> fields = new HashMap<>();
    for (int line = start; ; ) {
      int end = head.indexOf("\r\n", line);
      if (end <= line) {
        return end == line ? fields : null;
      }
      int colon = head.indexOf(':', line);
      if (colon <= line
          || colon > end
          || !isToken(head, line, colon)
          || !isValue(head, colon + 1, end)) {
        return null;
      }
      String name = head.substring(line, colon).toLowerCase(Locale.ROOT);
      String value = head.substring(colon + 1, end).strip();
      if (fields.putIfAbsent(name, value) != null) {
        return null;
      }
      line = end + 2;
    }
  }

  private static boolean isToken(String text, int from, int to) {
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      boolean isLetterOrDigit =
          c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
      if (!isLetterOrDigit && TOKEN_MARKS.indexOf(c) < 0) {
        return false;
      }
    }
    return true;
  }

  private static boolean isValue(String text, int from, int to) {
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      if (c < ' ' && c != '\t' || c == 0x7F) {
        return false;
      }
    }
    return true;
  }

  private static boolean contains(@Nullable String list, String element) {
    if (list == null) {
      return false;
    }
    for (String each : list.split(",")) {
      if (each.strip().equalsIgnoreCase(element)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isKey(String key) {
    try {
      return Base64.getDecoder().decode(key).length == 16;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }
}
