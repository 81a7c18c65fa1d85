// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds what belongs to a path: a tree with one level for each segment.
 *
 * <pre>
 *   (root) -- "rooms" -- {parameter} -- "log"      /rooms/{room}/log
 *                  \---- "lobby"                   /rooms/lobby
 * </pre>
 *
 * <p>A literal segment is tried before a parameter; if it leads nowhere, the parameter is tried
 * too. Each node has one way to it, so that a lookup visits none twice, whatever the path. A
 * parameter takes one segment that is not empty. Segments are decoded after the path was split, so
 * an escaped slash stays inside its parameter.
 *
 * <p>Filled by one thread, then read by many.
 *
 * @param <T> what belongs to a path
 */
final class Router<T> {

  /** Something was found. */
  record Match<T>(T target, String pattern, Map<String, String> parameters) {}

  /** A path whose percent-escapes are not UTF-8 or not escapes. */
  static final class MalformedPathException extends Exception {

    private static final long serialVersionUID = 1L;

    private MalformedPathException(String message, @Nullable Throwable cause) {
      super(message, cause, false, false);
    }
  }

  /** What belongs to a pattern; without parameters every match of it is the same. */
  private static final class Leaf<T> {
    private final Match<T> plain;
    private final String[] names;

    Leaf(T target, String pattern, List<String> names) {
      plain = new Match<>(target, pattern, Map.of());
      this.names = names.toArray(String[]::new);
    }

    Match<T> match(@Nullable String[] values) {
      return names.length == 0
          ? plain
          : new Match<>(plain.target(), plain.pattern(), new RouteParameters(names, values));
    }
  }

  /** What follows a segment; literals in the order of their segments, to be searched. */
  private static final class Node<T> {
    private final String segment;
    private final List<Node<T>> literals = new ArrayList<>();
    private @Nullable Node<T> parameter;
    private @Nullable Leaf<T> leaf;

    Node(String segment) {
      this.segment = segment;
    }

    /** The place of a literal that is a part of a path, or -1 less the place where it belongs. */
    int search(String path, int start, int end) {
      int low = 0;
      int high = literals.size() - 1;
      while (low <= high) {
        int middle = (low + high) >>> 1;
        int order = compare(literals.get(middle).segment, path, start, end);
        if (order == 0) {
          return middle;
        }
        if (order < 0) {
          low = middle + 1;
        } else {
          high = middle - 1;
        }
      }
      return -1 - low;
    }

    Node<T> literal(String literal) {
      int place = search(literal, 0, literal.length());
      if (place >= 0) {
        return literals.get(place);
      }
      Node<T> added = new Node<>(literal);
      literals.add(-1 - place, added);
      return added;
    }

    private static int compare(String literal, String path, int start, int end) {
      int shared = Math.min(literal.length(), end - start);
      for (int i = 0; i < shared; i++) {
        int order = literal.charAt(i) - path.charAt(start + i);
        if (order != 0) {
          return order;
        }
      }
      return literal.length() - (end - start);
    }
  }

  /** Stands for an escaped slash in a decoded path; no UTF-8 decodes to half a surrogate pair. */
  private static final char ESCAPED_SLASH = '\uD800';

  private final Node<T> root = new Node<>("");
  private final Map<String, T> patterns = new LinkedHashMap<>();

  /** A router with the same patterns, which later additions to this one do not reach. */
  Router<T> copy() {
    Router<T> copy = new Router<>();
    patterns.forEach(copy::add);
    return copy;
  }

  /**
   * Adds a pattern such as {@code /rooms/{room}}.
   *
   * @throws IllegalArgumentException if it is no pattern, or matches the same paths as another
   */
  void add(String pattern, T target) {
    List<String> names = new ArrayList<>();
    Node<T> node = root;
    for (String segment : patternSegments(pattern)) {
      String name = parameterName(pattern, segment);
      if (name == null) {
        node = node.literal(segment);
        continue;
      }
      if (names.contains(name)) {
        throw new IllegalArgumentException(
            "parameter twice in a route: pattern=" + pattern + ", name=" + name);
      }
      names.add(name);
      if (node.parameter == null) {
        node.parameter = new Node<>(segment);
      }
      node = node.parameter;
    }
    if (node.leaf != null) {
      throw new IllegalArgumentException(
          "route is there already: pattern=" + pattern + ", first=" + node.leaf.plain.pattern());
    }
    node.leaf = new Leaf<>(target, pattern, names);
    patterns.put(pattern, target);
  }

  /**
   * Finds what belongs to a path. A path without escapes is compared where it lies; nothing is
   * allocated but the values of parameters.
   *
   * @param rawPath the path as sent, beginning with {@code /}
   */
  Optional<Match<T>> find(String rawPath) throws MalformedPathException {
    if (!rawPath.startsWith("/")) {
      throw new MalformedPathException("path does not begin with a slash", null);
    }
    return Optional.ofNullable(find(root, decode(rawPath), 1, 0));
  }

  /** Whether a pattern has parameters. */
  static boolean hasParameters(String pattern) {
    for (String segment : patternSegments(pattern)) {
      if (parameterName(pattern, segment) != null) {
        return true;
      }
    }
    return false;
  }

  // As deep as the deepest pattern, however long the path is. The values are gathered on the way
  // back, when it is known how many there are.
  private @Nullable Match<T> find(Node<T> node, String path, int start, int parameters) {
    if (start > path.length()) {
      return node.leaf == null ? null : node.leaf.match(new @Nullable String[parameters]);
    }
    int slash = path.indexOf('/', start);
    int end = slash < 0 ? path.length() : slash;
    int place = node.search(path, start, end);
    if (place >= 0) {
      Match<T> found = find(node.literals.get(place), path, end + 1, parameters);
      if (found != null) {
        return found;
      }
    }
    if (node.parameter == null || start == end) {
      return null;
    }
    Match<T> found = find(node.parameter, path, end + 1, parameters + 1);
    if (found != null && found.parameters() instanceof RouteParameters values) {
      values.set(parameters, path.substring(start, end).replace(ESCAPED_SLASH, '/'));
    }
    return found;
  }

  private static String[] patternSegments(String pattern) {
    if (!pattern.startsWith("/")) {
      throw new IllegalArgumentException("route must begin with a slash: pattern=" + pattern);
    }
    if (pattern.indexOf('?') >= 0 || pattern.indexOf('#') >= 0) {
      throw new IllegalArgumentException("route has no query or fragment: pattern=" + pattern);
    }
    return pattern.substring(1).split("/", -1);
  }

  private static @Nullable String parameterName(String pattern, String segment) {
    if (segment.indexOf('{') < 0 && segment.indexOf('}') < 0) {
      return null;
    }
    String name = segment.length() < 3 ? "" : segment.substring(1, segment.length() - 1);
    boolean whole = segment.startsWith("{") && segment.endsWith("}");
    if (!whole || !HeaderFields.isToken(name)) {
      throw new IllegalArgumentException(
          "a parameter is a whole segment {name}: pattern=" + pattern + ", segment=" + segment);
    }
    return name;
  }

  /**
   * Decodes percent-escapes as UTF-8; {@code +} means itself in a path. An escaped slash, which
   * divides nothing, becomes {@link #ESCAPED_SLASH}.
   */
  private static String decode(String path) throws MalformedPathException {
    if (path.indexOf('%') < 0 && isAscii(path)) {
      return path;
    }
    StringBuilder decoded = new StringBuilder(path.length());
    for (int start = 1; start <= path.length(); ) {
      int slash = path.indexOf('/', start);
      int end = slash < 0 ? path.length() : slash;
      decoded.append('/').append(decode(path, start, end).replace('/', ESCAPED_SLASH));
      start = end + 1;
    }
    return decoded.toString();
  }

  private static String decode(String path, int start, int end) throws MalformedPathException {
    ByteBuffer bytes = ByteBuffer.allocate(end - start);
    for (int i = start; i < end; i++) {
      char c = path.charAt(i);
      if (c == '%') {
        bytes.put(escaped(path, i, end));
        i += 2;
      } else {
        bytes.put((byte) c);
      }
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes.flip()).toString();
    } catch (CharacterCodingException e) {
      throw new MalformedPathException("path is not UTF-8", e);
    }
  }

  private static byte escaped(String path, int percent, int end) throws MalformedPathException {
    int high = percent + 2 < end ? hexDigit(path.charAt(percent + 1)) : -1;
    int low = high < 0 ? -1 : hexDigit(path.charAt(percent + 2));
    if (low < 0) {
      throw new MalformedPathException("malformed percent-escape in the path", null);
    }
    return (byte) (high << 4 | low);
  }

  private static int hexDigit(char c) {
    return c < 0x80 ? Character.digit(c, 16) : -1;
  }

  private static boolean isAscii(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= 0x80) {
        return false;
      }
    }
    return true;
  }
}
