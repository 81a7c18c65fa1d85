// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The README's first server in a process of its own, from the two jars that one dependency brings.
 */
final class QuickstartProcess implements AutoCloseable {
  private static final Path SOURCE =
      Path.of(System.getProperty("millrace.home"))
          .resolve("examples/quickstart-maven/src/main/java/quickstart/Quickstart.java");
  private static final Pattern LISTENING =
      Pattern.compile("listening on \\[ws://127\\.0\\.0\\.1:(\\d+)\\]");

  private final Process process;
  private final int port;

  private QuickstartProcess(Process process, int port) {
    this.process = process;
    this.port = port;
  }

  /**
   * Starts it on a free port, and returns when it listens.
   *
   * @param folder for its source, whose port is changed
   * @param prefix a command that runs the JVM, such as one that sets a limit
   */
  static QuickstartProcess start(Path folder, String... prefix) throws IOException {
    // Its own words but for the port, which somebody may be using here.
    // In the folder of its package, as newer source launchers want it.
    Path source = Files.createDirectories(folder.resolve("quickstart")).resolve("Quickstart.java");
    Files.writeString(source, Files.readString(SOURCE).replace(":9001", ":0"));
    String jars =
        System.getProperty("millrace.jar")
            + File.pathSeparator
            + System.getProperty("millrace.native.jar");
    List<String> command = new ArrayList<>(List.of(prefix));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", jars, source.toString()));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String line = process.inputReader(StandardCharsets.UTF_8).readLine();
    Matcher listening = LISTENING.matcher(String.valueOf(line));
    if (!listening.matches()) {
      process.destroyForcibly();
      throw new AssertionError("the quickstart does not listen: " + line);
    }
    return new QuickstartProcess(process, Integer.parseInt(listening.group(1)));
  }

  int port() {
    return port;
  }

  long pid() {
    return process.pid();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().orTimeout(20, TimeUnit.SECONDS).join();
  }
}
