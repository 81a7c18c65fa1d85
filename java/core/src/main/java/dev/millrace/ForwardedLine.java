// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One line of {@code Forwarded} (RFC 7239 4), read from the left as it must be: a comma within a
 * quoted string separates nothing.
 *
 * <pre>
 *   Forwarded: for=192.0.2.60;proto=https;host=example.com, for="[2001:db8::17]:4711"
 *              \__________________ element ______________/  \_______ element ______/
 * </pre>
 */
final class ForwardedLine {
  private final String line;
  private final List<Hop> hops = new ArrayList<>();
  private int at;

  // Of the element being read.
  private @Nullable String node;
  private @Nullable String scheme;
  private @Nullable String host;

  private ForwardedLine(String line) {
    this.line = line;
  }

  /**
   * The elements in their order.
   *
   * @throws Provenance.MalformedException if the line is none
   */
  static List<Hop> parse(String line) throws Provenance.MalformedException {
    ForwardedLine parser = new ForwardedLine(line);
    parser.parse();
    return parser.hops;
  }

  private void parse() throws Provenance.MalformedException {
    do {
      parseElement();
    } while (takes(','));
    if (at != line.length()) {
      throw malformed();
    }
  }

  /** RFC 9110 5.6.1.2 lets elements be empty; so are pairs here. */
  private void parseElement() throws Provenance.MalformedException {
    node = scheme = host = null;
    boolean isEmpty = true;
    do {
      skipBlanks();
      if (at < line.length() && HeaderFields.isTokenCharacter(line.charAt(at))) {
        parsePair();
        isEmpty = false;
      }
      skipBlanks();
    } while (takes(';'));
    if (!isEmpty) {
      hops.add(new Hop(node == null ? null : Hop.address(node), scheme, host));
    }
  }

  private void parsePair() throws Provenance.MalformedException {
    String name = token().toLowerCase(Locale.ROOT);
    if (!takes('=')) {
      throw malformed();
    }
    String value = takes('"') ? quoted() : token();
    switch (name) {
      case "for" -> node = once(node, value);
      case "proto" -> scheme = once(scheme, value);
      case "host" -> host = once(host, value);
      default -> {
        // "by" is ourselves, and of others nothing is known (RFC 7239 5).
      }
    }
  }

  /** RFC 7239 4: a parameter must not occur more than once in an element. */
  private static String once(@Nullable String before, String value)
      throws Provenance.MalformedException {
    if (before != null) {
      throw malformed();
    }
    return value;
  }

  private String token() throws Provenance.MalformedException {
    int start = at;
    while (at < line.length() && HeaderFields.isTokenCharacter(line.charAt(at))) {
      at++;
    }
    if (at == start) {
      throw malformed();
    }
    return line.substring(start, at);
  }

  /** RFC 9110 5.6.4, behind its first quotation mark. */
  private String quoted() throws Provenance.MalformedException {
    StringBuilder text = new StringBuilder();
    while (at < line.length()) {
      char c = line.charAt(at++);
      if (c == '"') {
        return text.toString();
      }
      if (c == '\\') {
        if (at == line.length()) {
          break;
        }
        c = line.charAt(at++);
      }
      text.append(c);
    }
    throw malformed();
  }

  private void skipBlanks() {
    while (at < line.length() && (line.charAt(at) == ' ' || line.charAt(at) == '\t')) {
      at++;
    }
  }

  private boolean takes(char wanted) {
    boolean isThere = at < line.length() && line.charAt(at) == wanted;
    if (isThere) {
      at++;
    }
    return isThere;
  }

  private static Provenance.MalformedException malformed() {
    return new Provenance.MalformedException("malformed Forwarded header");
  }
}
