// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A part of what an administration socket has answered. What is not there counts as nothing. */
final class TopDocument {
  private final Map<?, ?> members;

  private TopDocument(Map<?, ?> members) {
    this.members = members;
  }

  /**
   * Reads an answer.
   *
   * @throws IllegalArgumentException if it is none
   */
  static TopDocument read(String text) {
    if (JsonReader.read(text) instanceof Map<?, ?> members && members.containsKey("version")) {
      return new TopDocument(members);
    }
    throw new IllegalArgumentException("this is no document of statistics");
  }

  boolean has(String name) {
    return members.containsKey(name);
  }

  double number(String name) {
    return members.get(name) instanceof Double number ? number : 0;
  }

  long whole(String name) {
    return (long) number(name);
  }

  /** As a terminal may show it. */
  String text(String name) {
    return members.get(name) instanceof String text ? TerminalText.harmless(text) : "";
  }

  TopDocument part(String name) {
    return new TopDocument(members.get(name) instanceof Map<?, ?> part ? part : Map.of());
  }

  List<TopDocument> parts(String name) {
    return members.get(name) instanceof List<?> list
        ? list.stream().flatMap(element -> part(element).stream()).toList()
        : List.of();
  }

  private static Optional<TopDocument> part(Object element) {
    return element instanceof Map<?, ?> part
        ? Optional.of(new TopDocument(part))
        : Optional.empty();
  }

  List<String> texts(String name) {
    return members.get(name) instanceof List<?> list
        ? list.stream().map(TopDocument::shown).map(TerminalText::harmless).toList()
        : List.of();
  }

  private static String shown(Object element) {
    return element instanceof Double number && number == Math.rint(number)
        ? String.valueOf(number.longValue())
        : String.valueOf(element);
  }

  List<String> names() {
    return members.keySet().stream().map(String::valueOf).toList();
  }

  double sum() {
    return members.values().stream()
        .mapToDouble(value -> value instanceof Double number ? number : 0)
        .sum();
  }
}
