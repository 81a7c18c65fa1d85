// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** As much JSON as the load generator writes and the result file needs. */
final class Json {
  // A name and its value: a string, or a number or word. The load generator nests nothing.
  private static final Pattern MEMBER =
      Pattern.compile(
          "\\s*\"([^\"\\\\]+)\"\\s*:\\s*"
              + "(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([-+.0-9A-Za-z]+))\\s*(,|\\}\\s*$)");

  private Json() {}

  /** The members of a flat object, each value as text; null when it is not one. */
  static @Nullable Map<String, String> parseFlat(String text) {
    String stripped = text.strip();
    if (!stripped.startsWith("{")) {
      return null;
    }
    Map<String, String> members = new LinkedHashMap<>();
    Matcher matcher = MEMBER.matcher(stripped);
    int position = 1;
    boolean closed = false;
    while (!closed && matcher.find(position) && matcher.start() == position) {
      String string = matcher.group(2);
      members.put(
          matcher.group(1), string == null ? matcher.group(3) : string.replaceAll("\\\\(.)", "$1"));
      position = matcher.end();
      closed = !matcher.group(4).equals(",");
    }
    return closed ? members : null;
  }

  /** Maps, lists, strings, numbers, booleans and null. */
  static String write(@Nullable Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream()
          .map(entry -> quote(String.valueOf(entry.getKey())) + ":" + write(entry.getValue()))
          .collect(Collectors.joining(",", "{", "}"));
    }
    if (value instanceof List<?> list) {
      return list.stream().map(Json::write).collect(Collectors.joining(",", "[", "]"));
    }
    if (value instanceof Double number && !Double.isFinite(number)) {
      return "null";
    }
    if (value == null || value instanceof Number || value instanceof Boolean) {
      return String.valueOf(value);
    }
    return quote(value.toString());
  }

  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else if (c < 0x20) {
        quoted.append(Figures.format("\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }
}
