// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.opentest4j.TestAbortedException;

/**
 * Writes down what every test of a suite came to on its engine, one file for each test class, below
 * {@code target/suite-results} of the module that runs it.
 */
public final class SuiteResults implements AfterTestExecutionCallback, AfterAllCallback {

  /** A test that was run: the suite that declares it, its method, its parameters as displayed. */
  public record Result(String engine, String suite, String test, String display, boolean passed) {

    private String line() {
      return String.join("\t", engine, suite, test, display, passed ? "passed" : "failed");
    }

    private static Result of(String line) {
      String[] fields = line.split("\t", -1);
      return new Result(fields[0], fields[1], fields[2], fields[3], fields[4].equals("passed"));
    }
  }

  private static final Path FOLDER = Path.of("target", "suite-results");
  private static final Map<Class<?>, Queue<Result>> RESULTS = new ConcurrentHashMap<>();

  @Override
  public void afterTestExecution(ExtensionContext context) {
    Throwable thrown = context.getExecutionException().orElse(null);
    if (thrown instanceof TestAbortedException) {
      return; // it does not apply to this machine
    }
    EngineSuite suite = (EngineSuite) context.getRequiredTestInstance();
    RESULTS
        .computeIfAbsent(context.getRequiredTestClass(), any -> new ConcurrentLinkedQueue<>())
        .add(
            new Result(
                suite.engine().name().toLowerCase(Locale.ROOT),
                context.getRequiredTestMethod().getDeclaringClass().getSimpleName(),
                context.getRequiredTestMethod().getName(),
                context.getDisplayName().replaceAll("\\s", " "),
                thrown == null));
  }

  @Override
  public void afterAll(ExtensionContext context) throws IOException {
    Class<?> test = context.getRequiredTestClass();
    Queue<Result> results = RESULTS.getOrDefault(test, new ConcurrentLinkedQueue<>());
    Files.createDirectories(FOLDER);
    Files.write(
        FOLDER.resolve(test.getName() + ".tsv"), results.stream().map(Result::line).toList());
  }

  /** What the modules in these folders wrote; one that ran no suite has nothing to say. */
  public static List<Result> of(Path... modules) throws IOException {
    List<Result> results = new ArrayList<>();
    for (Path module : modules) {
      Path folder = module.resolve(FOLDER);
      if (Files.isDirectory(folder)) {
        try (Stream<Path> files = Files.list(folder)) {
          files.forEach(file -> lines(file).map(Result::of).forEach(results::add));
        }
      }
    }
    return results;
  }

  private static Stream<String> lines(Path file) {
    try {
      return Files.readAllLines(file).stream();
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
