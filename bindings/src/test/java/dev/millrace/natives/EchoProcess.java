// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.fail;

import dev.millrace.suite.Deadline;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** {@code ./millrace echo} as a process of its own. */
final class EchoProcess implements AutoCloseable {

  /** The launcher of this project. */
  static final Path LAUNCHER = Path.of(System.getProperty("millrace.home", ".."), "millrace");

  private static final String END = "";

  private final Process process;
  private final BlockingQueue<String> output = new LinkedBlockingQueue<>();
  private final Path errors;

  private EchoProcess(List<String> options) throws IOException {
    List<String> command = new ArrayList<>(List.of(LAUNCHER.toString(), "echo"));
    command.addAll(options);
    errors = Files.createTempFile("millrace-echo", ".log");
    process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    Thread reader = new Thread(this::readOutput, "echo-output");
    reader.setDaemon(true);
    reader.start();
  }

  static EchoProcess start(String... options) throws IOException {
    return new EchoProcess(List.of(options));
  }

  /** Lets the launcher build what is not built, so that no test's deadline runs meanwhile. */
  static void ensureBuilt() throws Exception {
    try (EchoProcess echo = start("--loops", "0")) {
      if (!echo.process.waitFor(5, TimeUnit.MINUTES)) {
        fail("millrace echo still builds: " + echo.errorText());
      }
    }
  }

  private void readOutput() {
    try (BufferedReader lines = process.inputReader()) {
      String line;
      while ((line = lines.readLine()) != null) {
        output.add(line);
      }
    } catch (IOException closed) {
      // by close(), which ends the process: nobody waits for a line then
    }
    output.add(END);
  }

  /** The next line of its output. */
  String awaitLine() throws Exception {
    String line = Deadline.take(output, "a line of millrace echo");
    return line.equals(END) ? fail("millrace echo ended: " + errorText()) : line;
  }

  /** The address in the next {@code listening} line. */
  URI awaitAddress() throws Exception {
    String line = awaitLine();
    if (!line.startsWith("listening ")) {
      fail("not a listening line: " + line);
    }
    return URI.create(line.split(" ")[1]);
  }

  String errorText() throws IOException {
    return Files.readString(errors);
  }

  Process process() {
    return process;
  }

  /** Waits for its end. */
  int awaitExit() throws InterruptedException {
    if (!process.waitFor(Deadline.WAIT.toMillis(), TimeUnit.MILLISECONDS)) {
      fail("millrace echo did not end within " + Deadline.WAIT);
    }
    return process.exitValue();
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly();
    Files.deleteIfExists(errors);
  }
}
