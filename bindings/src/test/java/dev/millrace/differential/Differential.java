// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import dev.millrace.Engine;
import dev.millrace.differential.Comparison.Difference;
import dev.millrace.differential.Comparison.Result;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** The program behind {@code ./millrace differential}. */
public final class Differential {
  private static final long PROGRESS_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** So few streams are looked at one by one. */
  private static final int MAX_REPLAY = 16;

  /** What is enough to look at. */
  private static final int MAX_DIFFERENCES = 5;

  private final Comparison comparison;
  private final PrintStream out;

  Differential(Comparison comparison, PrintStream out) {
    this.comparison = comparison;
    this.out = out;
  }

  /** Both engines, one server each, for the whole run. */
  static Comparison engines(Path folder) throws Exception {
    return new Comparison(
        new ServedEngine(Engine.NATIVE, ServedEngine.LIMITS, folder.resolve("native")),
        new ServedEngine(Engine.JAVA, ServedEngine.LIMITS, folder.resolve("java")),
        new Streams(),
        Judge.STRICT);
  }

  /** The native engine and node {@code ws}, frames alone: HTTP is not what {@code ws} parses. */
  private static Comparison nodeWs(Path prepared, Path folder, WsJudge judge) throws Exception {
    return new Comparison(
        new ServedEngine(Engine.NATIVE, ServedEngine.LIMITS, folder.resolve("native")),
        new NodePeer(prepared, folder.resolve("node")),
        new Streams(false),
        judge);
  }

  /**
   * Runs streams on the native engine and on node {@code ws}.
   *
   * @param prepared the folder with {@code differential-ws.mjs} and its packages
   * @param folder where sockets may be
   * @param out where differences and progress are told
   * @return how many connections were answered differently, and not as docs/differential.md says
   */
  public static int againstWs(
      Path prepared, Path folder, long seed, long streams, long seconds, PrintStream out)
      throws Exception {
    WsJudge judge = new WsJudge();
    try (Comparison comparison = nodeWs(prepared, folder, judge)) {
      int differences = new Differential(comparison, out).run(seed, streams, seconds);
      judge.excused().forEach((rule, times) -> out.println(rule + ": " + times));
      return differences;
    }
  }

  /** Returns how many connections were answered differently. */
  int run(long seed, long streams, long seconds) throws Exception {
    long start = System.nanoTime();
    long end = start + TimeUnit.SECONDS.toNanos(seconds);
    long told = start;
    long done = 0;
    int differences = 0;
    while (done < streams && System.nanoTime() < end && differences < MAX_DIFFERENCES) {
      Result result = comparison.run(seed + done, streams - done);
      for (Difference difference : result.differences()) {
        differences++;
        tell(difference);
      }
      done += result.streams();
      if (System.nanoTime() - told > PROGRESS_NANOS) {
        told = System.nanoTime();
        tellProgress(done, told - start, differences);
      }
    }
    tellProgress(done, System.nanoTime() - start, differences);
    out.println("connections by status or close code: " + comparison.codes());
    return differences;
  }

  private void tellProgress(long done, long nanos, int differences) {
    out.printf(
        Locale.ROOT,
        "%,d streams, %,.0f a second, %d differences%n",
        done,
        done * 1e9 / nanos,
        differences);
  }

  private void tell(Difference difference) throws Exception {
    out.printf(
        "%na difference; again: ./millrace differential --seed %d --streams %d%s%n%s",
        difference.script().seed(),
        difference.script().streams(),
        comparison.isBetweenEngines() ? "" : " --peer node",
        comparison.describe(difference));
    if (comparison.tryAlone(difference.script(), 6) == null) {
      out.println("seen once: the same streams alone were answered alike");
      return;
    }
    out.printf("the least that differs:%n%s", comparison.describe(comparison.minimise(difference)));
  }

  /** Prints one connection's bytes and both outcomes. Returns 1 if they differ. */
  int replay(long seed, long streams) throws Exception {
    Script script = comparison.script(seed, streams);
    out.print(comparison.describe(comparison.outcomes(script)));
    Difference difference = comparison.tryAlone(script, 6);
    out.println(difference == null ? "alike" : "different");
    if (difference != null) {
      tell(difference);
    }
    return difference == null ? 0 : 1;
  }

  public static void main(String[] arguments) throws Exception {
    long seed = System.nanoTime();
    long streams = 1_000_000;
    long seconds = TimeUnit.DAYS.toSeconds(365);
    boolean isWs = false;
    try {
      for (int i = 0; i + 1 < arguments.length; i += 2) {
        String value = arguments[i + 1];
        switch (arguments[i]) {
          case "--seed" -> seed = number(arguments[i], value);
          case "--streams" -> streams = number(arguments[i], value);
          case "--seconds" -> seconds = number(arguments[i], value);
          default -> isWs = isWs(value);
        }
      }
    } catch (IllegalArgumentException misuse) {
      System.err.println("differential: " + misuse.getMessage());
      System.exit(2);
    }
    Path folder = Files.createTempDirectory("millrace-differential");
    int status = run(folder, isWs, seed, streams, seconds);
    Files.walk(folder).sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    System.exit(status);
  }

  private static long number(String option, String value) {
    try {
      return Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(option + " is a number, not " + value, e);
    }
  }

  private static boolean isWs(String peer) {
    if (!peer.equals("java") && !peer.equals("node")) {
      throw new IllegalArgumentException("no such peer: " + peer + ", only java and node");
    }
    return peer.equals("node");
  }

  private static int run(Path folder, boolean isWs, long seed, long streams, long seconds)
      throws Exception {
    Path prepared = Path.of(System.getProperty("millrace.home", "."), "bindings/target/peers");
    if (streams <= MAX_REPLAY) {
      try (Comparison comparison =
          isWs ? nodeWs(prepared, folder, new WsJudge()) : engines(folder)) {
        return new Differential(comparison, System.out).replay(seed, streams);
      }
    }
    System.out.println("seed " + seed);
    if (isWs) {
      return againstWs(prepared, folder, seed, streams, seconds, System.out) == 0 ? 0 : 1;
    }
    try (Comparison comparison = engines(folder)) {
      return new Differential(comparison, System.out).run(seed, streams, seconds) == 0 ? 0 : 1;
    }
  }
}
