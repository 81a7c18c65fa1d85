// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import dev.millrace.suite.SuiteResults.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * {@code docs/conformance.md}, from what a run came to. An engine has its column once {@link
 * ConformanceSuite} ran on it; then everything else must have run on it too.
 */
public final class ConformancePage {

  private static final String SUITE = ConformanceSuite.class.getSimpleName();
  private static final String DEFLATE_SUITE = DeflateConformanceSuite.class.getSimpleName();

  private static final List<String> SECTIONS =
      List.of(
          "1 Framing",
          "2 Pings and pongs",
          "3 Reserved bits",
          "4 Opcodes",
          "5 Fragmentation",
          "6 UTF-8",
          "7 Closing",
          "9 Limits",
          "10 Many fragments");

  private static final List<String> DEFLATE_SECTIONS =
      List.of("12 Compression", "13 Compression, by what is offered");

  private static final String HEAD =
      """
      # Conformance

      Made from a test run by `ConformancePageIT`, which fails when this page says anything else. After `mvn verify`,

      ```sh
      cp bindings/target/conformance.md docs/conformance.md
      ```

      brings it up to date. An engine has its column here once the whole suite runs on it.

      ## RFC 6455, case by case

      The numbers are those of the public conformance suite (the Autobahn testsuite), sections 1 to 7, 9, 10, 12 and 13; the
      tests are our own, in `java/core/src/test/java/dev/millrace/suite/conformance`. They are stricter: where that suite accepts
      several outcomes or only informs, one is demanded here, and there is no "non-strict".

      - Each case runs over TCP and over a Unix socket, in the pieces its number demands.
      - It runs again with its stream cut at every byte, on a connection for each cut, with a turn of the server's loop
        between the two parts; streams beyond 512 bytes are cut at twelve seeded random places.
      - What comes back is compared in its order and byte for byte, from the first frame to the FIN. The handler sees the
        messages that are echoed and no other.
      - Section 9 asserts no time; 9.7 and 9.8 send 50 messages in place of 1000.
      - Sections 12 and 13, [compression](compression.md), run over TCP, each message echoed before the next, 2 in place of
        1000 (`-Dmillrace.test.deflateMessages=1000`). What is echoed is inflated and compared, windows below 15 bits are
        held to.

      """;

  private static final String RULES =
      """
      ## The rules most often missed

      | RFC 6455 | rule | shown by |""";

  private static final String BUGS =
      """
      ## Known bugs of others

      Rows that a test outside of the suites shows: bun#32705, libuv#690, ioxide#222 (a busy loop without descriptors)
      `DescriptorExhaustionIT`, `NioDescriptorTest`; descriptors that a child inherits `DescriptorTest`; jansi#288, JNA#914,
      JNA#985, jline3#1995, juicefs#7443 (a library file that somebody else put there), netty#6678, netty#15415,
      sqlite-jdbc#185, Graylog#5762 (a folder from which nothing may be loaded) `LibraryLoadingTest`; nng#338, libplctag#86
      (SIGPIPE) `sigpipe_test` of the core.

      | known as | what happened | shown by |""";

  private final List<Result> results;
  private final List<String> engines;
  private final StringBuilder page = new StringBuilder(HEAD);

  private ConformancePage(List<Result> results) {
    this.results = results;
    this.engines =
        results.stream()
            .filter(result -> result.suite().equals(SUITE))
            .map(Result::engine)
            .distinct()
            .sorted()
            .sorted((one, other) -> Boolean.compare(other.equals("native"), one.equals("native")))
            .toList();
  }

  /** The page for these results. */
  public static String of(List<Result> results) {
    return new ConformancePage(results).write();
  }

  private String write() {
    if (engines.isEmpty()) {
      throw new IllegalStateException(SUITE + " did not run");
    }
    SECTIONS.forEach(this::writeSection);
    DEFLATE_SECTIONS.forEach(this::writeDeflateSection);
    writeShown(RULES, MissedRules.all());
    writeShown(BUGS, KnownBugs.all());
    return page.toString().stripTrailing() + "\n";
  }

  private void writeSection(String section) {
    page.append("### " + section + "\n\n| case | what |");
    endHeader(2);
    for (Case one : Cases.all()) {
      if (section.startsWith(one.section() + " ")) {
        page.append("| " + one.number() + " | " + one.what() + " |");
        for (String engine : engines) {
          page.append(" " + outcome(engine, SUITE, result -> isOf(result, one)) + " |");
        }
        page.append("\n");
      }
    }
    page.append("\n");
  }

  private void writeDeflateSection(String section) {
    page.append("### " + section + "\n\n| case | what |");
    endHeader(2);
    for (DeflateCase one : DeflateCase.all()) {
      if (one.number().startsWith(section.substring(0, 3).replace(' ', '.'))) {
        page.append("| " + one.number() + " | " + one.what() + " |");
        for (String engine : engines) {
          String outcome =
              outcome(engine, DEFLATE_SUITE, result -> result.display().equals(one.number()));
          page.append(" " + outcome + " |");
        }
        page.append("\n");
      }
    }
    page.append("\n");
  }

  private void endHeader(int columns) {
    engines.forEach(engine -> page.append(" " + engine + " |"));
    page.append("\n|" + "---|".repeat(columns + engines.size()) + "\n");
  }

  /** The case as such, and cut: both must have run. */
  private static boolean isOf(Result result, Case one) {
    return result.display().equals(one.number());
  }

  private void writeShown(String head, List<Shown> rows) {
    page.append(head);
    endHeader(3);
    for (Shown row : rows) {
      List<String> tests = new ArrayList<>();
      for (String test : row.tests()) {
        String name = test.split(" ", 2)[0];
        if (!tests.contains("`" + name + "`")) {
          tests.add("`" + name + "`");
        }
      }
      page.append("| " + row.id() + " | " + row.what() + " | " + String.join(", ", tests) + " |");
      for (String engine : engines) {
        page.append(" " + outcome(engine, row) + " |");
      }
      page.append("\n");
    }
    page.append("\n");
  }

  private String outcome(String engine, Shown row) {
    return worst(
        row.tests().stream()
            .map(
                test -> {
                  String[] parts = test.split(" ", 2);
                  String[] name = parts[0].split("\\.");
                  String text = parts.length > 1 ? parts[1] : "";
                  return outcome(
                      engine,
                      name[0],
                      result -> result.test().equals(name[1]) && result.display().contains(text));
                })
            .toList());
  }

  private String outcome(String engine, String suite, Predicate<Result> wanted) {
    List<Result> found =
        results.stream()
            .filter(result -> result.engine().equals(engine) && result.suite().equals(suite))
            .filter(wanted)
            .toList();
    boolean all = suite.equals(SUITE) ? found.size() >= 2 : !found.isEmpty();
    return !all ? "NOT RUN" : found.stream().allMatch(Result::passed) ? "pass" : "FAIL";
  }

  private static String worst(List<String> outcomes) {
    return outcomes.contains("FAIL") ? "FAIL" : outcomes.contains("NOT RUN") ? "NOT RUN" : "pass";
  }
}
