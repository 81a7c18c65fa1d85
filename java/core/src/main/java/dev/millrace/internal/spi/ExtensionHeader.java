// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code Sec-WebSocket-Extensions} (RFC 6455 9.1): a list of extensions, each a token with
 * parameters.
 *
 * <pre>
 *   extension = token *( ";" parameter )
 *   parameter = token [ "=" ( token / quoted-string ) ]      unquoted it must be a token again
 * </pre>
 *
 * <p>Of an element that is not of this form only that is told; the next begins behind the comma.
 */
final class ExtensionHeader {

  /**
   * An element of the list.
   *
   * @param isWellFormed false for anything else between two commas
   */
  record Extension(boolean isWellFormed, String name, List<Parameter> parameters) {}

  /** A parameter; null stands for no value. */
  record Parameter(String name, @Nullable String value) {}

  private static final Extension MALFORMED = new Extension(false, "", List.of());

  private final String line;
  private int at;

  private ExtensionHeader(String line) {
    this.line = line;
  }

  /** The elements of all lines, in order; empty ones do not count (RFC 9110 5.6.1). */
  static List<Extension> parse(List<String> lines) {
    List<Extension> extensions = new ArrayList<>(2);
    for (String line : lines) {
      new ExtensionHeader(line).addTo(extensions);
    }
    return extensions;
  }

  private void addTo(List<Extension> extensions) {
    while (at < line.length()) {
      skipBlanks();
      if (isAt(',')) {
        at++;
      } else if (at < line.length()) {
        extensions.add(extension());
      }
    }
  }

  /** Up to the comma behind it, or the end. */
  private Extension extension() {
    String name = token();
    List<Parameter> parameters = new ArrayList<>(4);
    skipBlanks();
    while (name != null && isAt(';')) {
      at++;
      Parameter parameter = parameter();
      if (parameter == null) {
        name = null;
      } else {
        parameters.add(parameter);
        skipBlanks();
      }
    }
    if (name == null || at < line.length() && !isAt(',')) {
      skipElement();
      return MALFORMED;
    }
    return new Extension(true, name, parameters);
  }

  private @Nullable Parameter parameter() {
    skipBlanks();
    String name = token();
    if (name == null) {
      return null;
    }
    skipBlanks();
    if (!isAt('=')) {
      return new Parameter(name, null);
    }
    at++;
    skipBlanks();
    String value = isAt('"') ? quoted() : token();
    return value == null ? null : new Parameter(name, value);
  }

  private @Nullable String token() {
    int start = at;
    while (at < line.length() && isTokenCharacter(line.charAt(at))) {
      at++;
    }
    return at == start ? null : line.substring(start, at);
  }

  private @Nullable String quoted() {
    StringBuilder text = new StringBuilder();
    boolean isToken = true;
    for (at++; at < line.length() && line.charAt(at) != '"'; at++) {
      if (isAt('\\') && at + 1 < line.length()) {
        at++;
      }
      isToken &= isTokenCharacter(line.charAt(at));
      text.append(line.charAt(at));
    }
    boolean ends = at < line.length();
    at += ends ? 1 : 0;
    return ends && isToken && text.length() > 0 ? text.toString() : null;
  }

  /** A comma in quotes does not end an element. */
  private void skipElement() {
    while (at < line.length() && !isAt(',')) {
      if (isAt('"')) {
        quoted();
      } else {
        at++;
      }
    }
  }

  private void skipBlanks() {
    while (isAt(' ') || isAt('\t')) {
      at++;
    }
  }

  private boolean isAt(char wanted) {
    return at < line.length() && line.charAt(at) == wanted;
  }

  /** RFC 9110 5.6.2. */
  private static boolean isTokenCharacter(char c) {
    return c >= 'a' && c <= 'z'
        || c >= 'A' && c <= 'Z'
        || c >= '0' && c <= '9'
        || c > ' ' && c < 0x7F && "!#$%&'*+-.^_`|~".indexOf(c) >= 0;
  }
}
