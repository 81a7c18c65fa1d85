// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Runs the clients under {@code src/test/peers}, with their npm packages under {@code target}. */
final class Peers {

  private static final Path BINDINGS =
      Path.of(System.getProperty("millrace.home", ".."), "bindings");
  private static final Path SOURCES = BINDINGS.resolve("src/test/peers");
  private static final Path PREPARED = BINDINGS.resolve("target/peers");
  private static final int MINUTES = 3;

  private Peers() {}

  /** Where the scripts and their packages are once prepared. */
  static Path prepared() {
    return PREPARED;
  }

  /** Copies the scripts and installs what they import, unless that is done already. */
  static synchronized void prepare() throws Exception {
    require("node", "nodejs", "--version");
    Files.createDirectories(PREPARED);
    // Tests run in several processes.
    try (FileChannel file = FileChannel.open(PREPARED.resolve("lock"), CREATE, WRITE)) {
      file.lock();
      copyAndInstall();
    }
  }

  private static void copyAndInstall() throws Exception {
    boolean fresh = Files.exists(PREPARED.resolve("node_modules/.package-lock.json"));
    try (Stream<Path> files = Files.list(SOURCES)) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        Path copy = PREPARED.resolve(file.getFileName());
        // Another process may be running what is there already.
        if (!Files.exists(copy) || Files.mismatch(file, copy) >= 0) {
          Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING);
          fresh &= !file.endsWith("package-lock.json");
        }
      }
    }
    if (!fresh) {
      require("npm", "npm", "--version");
      run(List.of("npm", "ci"));
    }
  }

  /** Fails with the name of the package when a program does not run. */
  static void require(String program, String debianPackage, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(arguments));
    int status;
    try {
      status =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor();
    } catch (IOException missing) {
      status = -1;
    }
    if (status != 0) {
      fail(String.join(" ", command) + " does not run: install the package " + debianPackage);
    }
  }

  /** Runs a program in the prepared folder and gives the lines it printed; it must end with 0. */
  static List<String> run(List<String> command) throws Exception {
    return run(command, Map.of());
  }

  /** The same, with more in its environment. */
  static List<String> run(List<String> command, Map<String, String> environment) throws Exception {
    Path output = Files.createTempFile(PREPARED, "output", ".log");
    ProcessBuilder builder = new ProcessBuilder(command).directory(PREPARED.toFile());
    builder.environment().put("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    builder.environment().putAll(environment);
    Process process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    try {
      boolean ended = process.waitFor(MINUTES, TimeUnit.MINUTES);
      String text = Files.readString(output);
      if (!ended) {
        fail(command + " did not end within " + MINUTES + " minutes; so far:\n" + text);
      }
      assertEquals(0, process.exitValue(), () -> command + " failed:\n" + text);
      return text.lines().toList();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
      Files.delete(output);
    }
  }
}
