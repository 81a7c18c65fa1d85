// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.infra.Control;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;

/** What JMH found in this module, for tests that call it without JMH. */
final class Benchmarks {
  private Benchmarks() {}

  /** As JMH runs them: a group is one of them. */
  static Set<BenchmarkListEntry> entries() {
    return BenchmarkList.defaultList()
        .getAll(
            OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT), List.of());
  }

  /** Every method with a benchmark in it. */
  static List<Method> methods() {
    return entries().stream()
        .map(BenchmarkListEntry::getUserClassQName)
        .distinct()
        .flatMap(name -> Arrays.stream(load(name).getMethods()))
        .filter(method -> method.isAnnotationPresent(Benchmark.class))
        .toList();
  }

  static List<Method> methods(Class<?> type) {
    return methods().stream().filter(method -> method.getDeclaringClass() == type).toList();
  }

  /** What the benchmark answers. */
  static Object call(Method benchmark, Object state) {
    try {
      return benchmark.getParameterCount() == 0
          ? benchmark.invoke(state)
          : benchmark.invoke(state, new Control());
    } catch (InvocationTargetException | IllegalAccessException e) {
      throw new AssertionError(benchmark.toString(), e);
    }
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(name);
    } catch (ClassNotFoundException e) {
      throw new AssertionError(e);
    }
  }
}
