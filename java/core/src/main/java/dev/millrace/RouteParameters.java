// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The parameters of a route and their values in a path: two short arrays, the names those of the
 * route itself. Unmodifiable once the router has filled it.
 */
final class RouteParameters extends AbstractMap<String, String> {
  private final String[] names;
  private final @Nullable String[] values;

  /** Both of the same length. */
  RouteParameters(String[] names, @Nullable String[] values) {
    this.names = names;
    this.values = values;
  }

  /** For the router. */
  void set(int index, String value) {
    values[index] = value;
  }

  @Override
  public @Nullable String get(@Nullable Object name) {
    for (int i = 0; i < names.length; i++) {
      if (names[i].equals(name)) {
        return values[i];
      }
    }
    return null;
  }

  @Override
  public boolean containsKey(@Nullable Object name) {
    return get(name) != null;
  }

  @Override
  public Set<Map.Entry<String, String>> entrySet() {
    return new AbstractSet<>() {
      @Override
      public Iterator<Map.Entry<String, String>> iterator() {
        return IntStream.range(0, names.length)
            .mapToObj(i -> Map.entry(names[i], String.valueOf(values[i])))
            .iterator();
      }

      @Override
      public int size() {
        return names.length;
      }
    };
  }
}
