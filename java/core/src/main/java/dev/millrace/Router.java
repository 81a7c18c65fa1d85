// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
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

  private record Leaf<T>(T target, String pattern, List<String> names) {}

  private static final class Node<T> {
    private final Map<String, Node<T>> literals = new HashMap<>();
    private @Nullable Node<T> parameter;
    private @Nullable Leaf<T> leaf;
  }

  private final Node<T> root = new Node<>();
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
        node = node.literals.computeIfAbsent(segment, s -> new Node<>());
        continue;
      }
      if (names.contains(name)) {
        throw new IllegalArgumentException(
            "parameter twice in a route: pattern=" + pattern + ", name=" + name);
      }
      names.add(name);
      if (node.parameter == null) {
        node.parameter = new Node<>();
      }
      node = node.parameter;
    }
    if (node.leaf != null) {
      throw new IllegalArgumentException(
          "route is there already: pattern=" + pattern + ", first=" + node.leaf.pattern());
    }
    node.leaf = new Leaf<>(target, pattern, List.copyOf(names));
    patterns.put(pattern, target);
  }

  /**
   * Finds what belongs to a path.
   *
   * @param rawPath the path as sent, beginning with {@code /}
   */
  Optional<Match<T>> find(String rawPath) throws MalformedPathException {
    if (!rawPath.startsWith("/")) {
      throw new MalformedPathException("path does not begin with a slash", null);
    }
    String[] segments = rawPath.substring(1).split("/", -1);
    for (int i = 0; i < segments.length; i++) {
      segments[i] = decode(segments[i]);
    }
    List<String> values = new ArrayList<>();
    Leaf<T> leaf = find(root, segments, 0, values);
    return Optional.ofNullable(leaf)
        .map(found -> new Match<>(found.target(), found.pattern(), zip(found.names(), values)));
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

  // As deep as the deepest pattern, however long the path is.
  private @Nullable Leaf<T> find(Node<T> node, String[] segments, int depth, List<String> values) {
    if (depth == segments.length) {
      return node.leaf;
    }
    String segment = segments[depth];
    Node<T> literal = node.literals.get(segment);
    if (literal != null) {
      Leaf<T> found = find(literal, segments, depth + 1, values);
      if (found != null) {
        return found;
      }
    }
    if (node.parameter == null || segment.isEmpty()) {
      return null;
    }
    values.add(segment);
    Leaf<T> found = find(node.parameter, segments, depth + 1, values);
    if (found == null) {
      values.remove(values.size() - 1);
    }
    return found;
  }

  private static Map<String, String> zip(List<String> names, List<String> values) {
    if (names.isEmpty()) {
      return Map.of();
    }
    if (names.size() == 1) {
      return Map.of(names.get(0), values.get(0));
    }
    Map<String, String> zipped = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      zipped.put(names.get(i), values.get(i));
    }
    return Collections.unmodifiableMap(zipped);
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

  /** Decodes percent-escapes as UTF-8; {@code +} means itself in a path. */
  private static String decode(String segment) throws MalformedPathException {
    if (segment.indexOf('%') < 0 && isAscii(segment)) {
      return segment;
    }
    ByteBuffer bytes = ByteBuffer.allocate(segment.length());
    for (int i = 0; i < segment.length(); i++) {
      char c = segment.charAt(i);
      if (c == '%') {
        bytes.put(escaped(segment, i));
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

  private static byte escaped(String segment, int percent) throws MalformedPathException {
    int high = percent + 2 < segment.length() ? hexDigit(segment.charAt(percent + 1)) : -1;
    int low = high < 0 ? -1 : hexDigit(segment.charAt(percent + 2));
    if (low < 0) {
      throw new MalformedPathException("malformed percent-escape in the path", null);
    }
    return (byte) (high << 4 | low);
  }

  private static int hexDigit(char c) {
    return c < 0x80 ? Character.digit(c, 16) : -1;
  }

  private static boolean isAscii(String text) {
    return text.chars().allMatch(c -> c < 0x80);
  }
}
