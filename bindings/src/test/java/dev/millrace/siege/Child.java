// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A virtual machine of its own that is asked by lines, and what the system says about it. */
final class Child implements AutoCloseable {
  private final Process process;
  private final BufferedReader answers;

  private Child(Process process) {
    this.process = process;
    answers = process.inputReader();
  }

  static Child start(Class<?> program, List<String> options, List<String> arguments)
      throws IOException {
    return start(List.of(), program, options, arguments);
  }

  /**
   * A process that stands for other machines: here it takes a processor only when nobody else wants
   * it.
   */
  static Child startElsewhere(Class<?> program, List<String> options, List<String> arguments)
      throws IOException {
    return start(List.of("nice", "-n", "19"), program, options, arguments);
  }

  private static Child start(
      List<String> prefix, Class<?> program, List<String> options, List<String> arguments)
      throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:+UseSerialGC");
    command.addAll(options);
    if (Runtime.version().feature() >= 24) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
    command.addAll(arguments);
    return new Child(
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
  }

  /** Returns the next line. */
  String read() throws IOException {
    String line = answers.readLine();
    if (line == null) {
      throw new AssertionError("a process of the siege has ended: " + process.info());
    }
    return line;
  }

  void write(String line) throws IOException {
    process.outputWriter().write(line + "\n");
    process.outputWriter().flush();
  }

  String ask(String line) throws IOException {
    write(line);
    return read();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  private Path proc(String file) {
    return Path.of("/proc", Long.toString(process.pid()), file);
  }

  /** In bytes, from {@code /proc/PID/status}. */
  private long status(String name) throws IOException {
    for (String line : Files.readAllLines(proc("status"))) {
      if (line.startsWith(name + ":")) {
        return Long.parseLong(line.replaceAll("\\D", "")) << 10;
      }
    }
    throw new AssertionError("no " + name + " in " + proc("status"));
  }

  long resident() throws IOException {
    return status("VmRSS");
  }

  /** The most that was resident since {@link #forgetPeak}. */
  long peak() throws IOException {
    return status("VmHWM");
  }

  void forgetPeak() throws IOException {
    Files.writeString(proc("clear_refs"), "5");
  }

  int descriptors() throws IOException {
    try (Stream<Path> open = Files.list(proc("fd"))) {
      return (int) open.count();
    }
  }

  Duration cpu() {
    return process.info().totalCpuDuration().orElse(Duration.ZERO);
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }
}
