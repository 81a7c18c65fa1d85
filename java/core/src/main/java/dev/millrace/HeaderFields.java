// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The headers that an application may add, and nothing that could split request or response. */
final class HeaderFields {

  private static final Set<String> OF_REQUESTS =
      Set.of(
          "connection",
          "content-length",
          "host",
          "sec-websocket-accept",
          "sec-websocket-extensions",
          "sec-websocket-key",
          "sec-websocket-protocol",
          "sec-websocket-version",
          "transfer-encoding",
          "upgrade");

  private static final Set<String> OF_RESPONSES =
      Set.of(
          "connection",
          "content-length",
          "content-type",
          "date",
          "sec-websocket-accept",
          "sec-websocket-extensions",
          "sec-websocket-key",
          "sec-websocket-protocol",
          "sec-websocket-version",
          "transfer-encoding",
          "upgrade",
          "x-content-type-options");

  private HeaderFields() {}

  /** A copy of a response's fields with one more; one of the same name in any case is replaced. */
  static Map<String, String> with(Map<String, String> fields, String name, String value) {
    return with(fields, name, value, OF_RESPONSES, "server");
  }

  /** As {@link #with}, of a request's fields. */
  static Map<String, String> withRequest(Map<String, String> fields, String name, String value) {
    return with(fields, name, value, OF_REQUESTS, "client");
  }

  private static Map<String, String> with(
      Map<String, String> fields, String name, String value, Set<String> reserved, String by) {
    requireToken("header name", name);
    if (reserved.contains(name.toLowerCase(Locale.ROOT))) {
      throw new IllegalArgumentException("header is set by the " + by + " itself: name=" + name);
    }
    requireValue(name, value);
    Map<String, String> added = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    added.putAll(fields);
    added.remove(name);
    added.put(name, value);
    return Collections.unmodifiableMap(added);
  }

  /** Refuses what is no token of RFC 9110 5.6.2. */
  static void requireToken(String what, String token) {
    for (int i = 0; i < token.length(); i++) {
      if (!isTokenCharacter(token.charAt(i))) {
        throw new IllegalArgumentException(
            what + " is not an HTTP token: index=" + i + ", character=" + (int) token.charAt(i));
      }
    }
    if (token.isEmpty()) {
      throw new IllegalArgumentException(what + " is not an HTTP token: length=0");
    }
  }

  /** Whether this is a token of RFC 9110 5.6.2. */
  static boolean isToken(String token) {
    return !token.isEmpty() && token.chars().allMatch(c -> isTokenCharacter((char) c));
  }

  /** Refuses what could end the header line. */
  static void requireValue(String name, String value) {
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      boolean allowed = c == '\t' || (c >= 0x20 && c <= 0xFF && c != 0x7F);
      if (!allowed) {
        throw new IllegalArgumentException(
            "character not allowed in a header value: name="
                + name
                + ", index="
                + i
                + ", character="
                + (int) c);
      }
    }
  }

  static boolean isTokenCharacter(char c) {
    return (c >= '0' && c <= '9')
        || (c >= 'A' && c <= 'Z')
        || (c >= 'a' && c <= 'z')
        || "!#$%&'*+-.^_`|~".indexOf(c) >= 0;
  }
}
