// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The processes this program started. All of them end with it, whichever way it ends short of
 * SIGKILL. Only they are ever signalled.
 *
 * <p>Each child runs in a session of its own on one core. Linux shares the processor between
 * sessions first, so a session that is raised with {@code /proc/PID/autogroup} is safe from a build
 * in another shell, which {@code nice} would not achieve. Raising ours only for the children leaves
 * the user's shell as it was.
 */
final class Children implements AutoCloseable {
  private static final long GRACE_SECONDS = 3;
  // Where raising is not allowed (it needs root) the child runs all the same.
  private static final String RAISE =
      "{ echo -20 > /proc/$$/autogroup; } 2> /dev/null || :; exec \"$@\"";

  private final Path directory;
  private final Map<String, String> environment;
  private final List<Process> processes = new ArrayList<>();
  private boolean closed;

  Children(Path directory, Map<String, String> environment) {
    this.directory = directory;
    this.environment = environment;
    Runtime.getRuntime().addShutdownHook(new Thread(this::close, "stop-children"));
  }

  /** The pid of the child is the command's own: every wrapper replaces itself. */
  synchronized Process start(int core, List<String> command, boolean mergeErrors)
      throws BenchException {
    if (closed) {
      throw new BenchException("stopped");
    }
    List<String> wrapped = new ArrayList<>(List.of("setsid", "sh", "-c", RAISE, "sh"));
    wrapped.addAll(List.of("taskset", "-c", Integer.toString(core)));
    wrapped.addAll(command);
    try {
      ProcessBuilder builder =
          new ProcessBuilder(wrapped)
              .directory(directory.toFile())
              .redirectErrorStream(mergeErrors)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
      builder.environment().putAll(environment);
      Process process = builder.start();
      processes.add(process);
      return process;
    } catch (IOException e) {
      throw new BenchException(
          "cannot run setsid and taskset (" + e.getMessage() + "); install util-linux");
    }
  }

  synchronized void stop(Process process) {
    stop(List.of(process));
    processes.remove(process);
  }

  synchronized boolean isClosed() {
    return closed;
  }

  @Override
  public synchronized void close() {
    closed = true;
    stop(processes);
    processes.clear();
  }

  private static void stop(List<Process> processes) {
    processes.forEach(Process::destroy);
    for (Process process : processes) {
      try {
        if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }
}
