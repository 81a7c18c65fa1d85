// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs {@code wsload} against one server at a time. */
final class LoadGenerator {
  // Between connecting and measuring: the first answers come from cold caches.
  private static final double SETTLE_SECONDS = 0.5;
  private static final int VERIFY_EVERY = 7; // prime, so that every payload's turn comes
  private static final long SLACK_SECONDS = 30;

  private final Children children;
  private final int core;
  private final Path program;

  LoadGenerator(Children children, int core, Path program) {
    this.children = children;
    this.core = core;
    this.program = program;
  }

  /** Load without a figure, for the JIT; some of the answers are compared with what was sent. */
  void warmUp(Cell cell, Peer peer, double seconds) throws BenchException, InterruptedException {
    List<String> arguments = new ArrayList<>(window(0, seconds));
    arguments.addAll(List.of("--verify-every", Integer.toString(VERIFY_EVERY)));
    if (run(cell, peer, arguments, seconds).verified() == 0) {
      throw new BenchException("no answer was compared in the warm-up; make --warmup longer");
    }
  }

  Run measure(Cell cell, Peer peer, double seconds) throws BenchException, InterruptedException {
    return run(cell, peer, window(SETTLE_SECONDS, seconds), SETTLE_SECONDS + seconds);
  }

  private static List<String> window(double warmupSeconds, double seconds) {
    return List.of("--warmup", Figures.plain(warmupSeconds), "--seconds", Figures.plain(seconds));
  }

  private Run run(Cell cell, Peer peer, List<String> arguments, double seconds)
      throws BenchException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(program.toString(), peer.url()));
    command.addAll(List.of("--pid", Long.toString(peer.pid())));
    command.addAll(cell.arguments());
    command.addAll(arguments);
    Process process = children.start(core, command, false);
    try {
      // Its output is one line and fits the pipe, so it ends without being read.
      if (!process.waitFor((long) Math.ceil(seconds) + SLACK_SECONDS, TimeUnit.SECONDS)) {
        throw new BenchException("no end of the load; the server hangs or cannot be reached");
      }
      String output = text(process.getInputStream().readAllBytes());
      String errors = text(process.getErrorStream().readAllBytes());
      if (output.isEmpty() && !errors.isEmpty()) {
        throw new BenchException(errors.lines().findFirst().orElse(errors));
      }
      return Run.of(Json.parseFlat(output), process.exitValue());
    } catch (IOException e) {
      throw new BenchException("the load generator's output cannot be read: " + e.getMessage());
    } finally {
      children.stop(process);
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8).strip();
  }
}
