// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** {@link LibraryProbe} as a process, with what it needs where every user can read it. */
final class LibraryProgram implements AutoCloseable {
  /** A user of this machine. */
  record User(String name, int id) {
    static final int SAME = -1;

    /** Whoever runs the tests. */
    static User self() {
      return new User("self", SAME);
    }

    /** Nobody in particular, whom only root can become. */
    static User ordinary() {
      return new User("ordinary", 65534);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static final List<String> OPTIONS = List.of("-Xmx128m", "-Xshare:auto");

  private final Path folder;
  private final Path library;
  private final List<Path> classPath = new ArrayList<>();

  LibraryProgram() throws IOException {
    folder = Files.createTempDirectory("millrace-test-");
    open(folder);
    classPath.add(copy(location("dev.millrace.Server"), "core"));
    library = copy(location("/META-INF/native"), "library");
    classPath.add(library);
    classPath.add(copy(location(LibraryProbe.class.getName()), "probe"));
  }

  /** The library file itself, the one that the resource is copied from. */
  Path libraryFile() {
    return library.resolve("META-INF/native/linux-x86_64/libmillrace.so");
  }

  /** A new folder that belongs to a user, and that nobody else may enter. */
  Path newDirectory(User user) throws IOException {
    Path directory = Files.createTempDirectory(folder, "work");
    if (user.id() != User.SAME) {
      Files.setAttribute(directory, "unix:uid", user.id());
    }
    return directory;
  }

  /** Lets everybody enter and read a folder. */
  static void open(Path directory) throws IOException {
    Files.setAttribute(directory, "unix:mode", 0755);
  }

  List<String> command(User user, List<String> options, List<String> arguments) {
    return command(user, options, classPath, arguments);
  }

  static List<String> command(
      User user, List<String> options, List<Path> classPath, List<String> arguments) {
    List<String> command = new ArrayList<>();
    if (user.id() != User.SAME) {
      String id = Integer.toString(user.id());
      command.addAll(List.of("setpriv", "--reuid", id, "--regid", id, "--clear-groups"));
    }
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(OPTIONS);
    command.addAll(options);
    command.add("-cp");
    command.add(String.join(File.pathSeparator, classPath.stream().map(Path::toString).toList()));
    command.add(LibraryProbe.class.getName());
    command.addAll(arguments);
    return command;
  }

  /** What the program prints to an end, other streams and log lines included. */
  String run(User user, String... options) throws Exception {
    return output(start(command(user, List.of(options), List.of("dev.millrace", "once"))));
  }

  List<Path> classPath() {
    return List.copyOf(classPath);
  }

  static Process start(List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    // Options for every virtual machine would be told on the same stream.
    builder.environment().keySet().removeIf(name -> name.endsWith("JAVA_TOOL_OPTIONS"));
    builder.environment().remove("JDK_JAVA_OPTIONS");
    return builder.start();
  }

  static String output(Process process) throws Exception {
    try {
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(60, TimeUnit.SECONDS)) {
        throw new AssertionError("still running, and said: " + output);
      }
      return output.strip();
    } finally {
      process.destroyForcibly();
    }
  }

  /** The last line, behind what the engine logs and the virtual machine warns of. */
  static String lastLine(String output) {
    return output.lines().reduce("", (first, second) -> second);
  }

  /** The folder or jar in which a class, or a folder of resources, lies. */
  private static Path location(String name) throws IOException {
    try {
      if (name.startsWith("/")) {
        Path resource = Path.of(LibraryProgram.class.getResource(name).toURI());
        return resource.getParent().getParent();
      }
      Class<?> type = Class.forName(name);
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (ReflectiveOperationException | java.net.URISyntaxException e) {
      throw new IOException("no class path of folders and jars", e);
    }
  }

  private Path copy(Path source, String name) throws IOException {
    if (Files.isRegularFile(source)) {
      Path target = Files.copy(source, folder.resolve(name + ".jar"));
      Files.setAttribute(target, "unix:mode", 0644);
      return target;
    }
    Path target = folder.resolve(name);
    try (Stream<Path> files = Files.walk(source)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Path copy = target.resolve(source.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(copy);
          open(copy);
        } else {
          Files.copy(file, copy);
          Files.setAttribute(copy, "unix:mode", 0644);
        }
      }
    }
    return target;
  }

  @Override
  public void close() throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      files
          .sorted((first, second) -> second.compareTo(first))
          .forEach(
              file -> {
                try {
                  Files.delete(file);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
    }
  }
}
