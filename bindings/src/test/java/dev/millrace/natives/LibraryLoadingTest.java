// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.millrace.natives.LibraryProgram.User;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The bundled library finds its way into a process whatever the directory is like, or says why not;
 * nobody else gets a library in, and nothing is left behind. Each case is a process of its own, run
 * as whoever runs the tests and, when that is root, as an ordinary user.
 */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class LibraryLoadingTest {
  private static final String DIRECTORY = "-Dmillrace.library.directory=";
  private static final String REMEDY = "choose another folder with " + DIRECTORY + "FOLDER";
  private static final String DEAD = "millrace-4194305-77-"; // no process has so high a number
  private static final int OTHER_USER = 65533;
  private static final int CANNOT_MOUNT = 77;

  private static LibraryProgram program;

  @BeforeAll
  static void prepare() throws IOException {
    program = new LibraryProgram();
  }

  @AfterAll
  static void delete() throws IOException {
    program.close();
  }

  static Stream<User> users() {
    return isRoot() ? Stream.of(User.self(), User.ordinary()) : Stream.of(User.self());
  }

  private static boolean isRoot() {
    return System.getProperty("user.name").equals("root");
  }

  private static void needRoot(String why) {
    if (!isRoot()) {
      System.out.println("skipped: only root can " + why);
      abort("only root can " + why);
    }
  }

  @ParameterizedTest
  @MethodSource("users")
  void usesTheDirectoryThatIsNamedAndLeavesNothing(User user) throws Exception {
    Path directory = program.newDirectory(user);
    assertLoads(program.run(user, DIRECTORY + directory));
    assertThat(directory).isEmptyDirectory();
    Path missing = directory.resolve("missing");
    assertThat(sentence(program.run(user, DIRECTORY + missing)))
        .contains("cannot be extracted", missing.toString(), REMEDY);
  }

  @ParameterizedTest
  @MethodSource("users")
  void usesTheTemporaryDirectoryOtherwise(User user) throws Exception {
    Path directory = program.newDirectory(user);
    Path noted = leftover(directory, DEAD + "1", user.id());
    assertLoads(program.run(user, "-Djava.io.tmpdir=" + directory));
    assertThat(noted).as("what shows that this directory was used").doesNotExist();
    assertThat(directory).isEmptyDirectory();
  }

  @ParameterizedTest
  @MethodSource("users")
  void plantedLinksAreNotFollowed(User user) throws Exception {
    Path directory = program.newDirectory(user);
    Path precious = program.newDirectory(user);
    Path victim = Files.writeString(precious.resolve("libmillrace.so"), "precious");
    Files.createSymbolicLink(directory.resolve("libmillrace.so"), victim);
    Files.createSymbolicLink(directory.resolve(DEAD + "1"), precious);
    assertLoads(program.run(user, DIRECTORY + directory));
    assertThat(victim).hasContent("precious");
    assertThat(names(directory)).containsExactlyInAnyOrder("libmillrace.so", DEAD + "1");
  }

  /** Sticky or not: whoever owns the directory may rename what is in it. */
  @ParameterizedTest
  @MethodSource("users")
  void directoryOfAnotherUserThatAllMayWriteIsSafe(User user) throws Exception {
    needRoot("make a directory of another user");
    for (int mode : new int[] {01777, 0777}) {
      Path directory = program.newDirectory(new User("other", OTHER_USER));
      Files.setAttribute(directory, "unix:mode", mode);
      Path planted = leftover(directory, DEAD + "1", OTHER_USER);
      assertLoads(program.run(user, DIRECTORY + directory));
      assertThat(names(directory)).containsExactly(DEAD + "1");
      assertThat(names(planted)).hasSize(1);
    }
  }

  @Test
  void directoryThatOnlyAnotherUserMayEnterIsNamed() throws Exception {
    needRoot("make a directory of another user");
    Path directory = program.newDirectory(new User("other", OTHER_USER));
    assertThat(sentence(program.run(User.ordinary(), DIRECTORY + directory)))
        .contains("AccessDenied", directory.toString(), REMEDY);
    assertThat(directory).isEmptyDirectory();
  }

  @ParameterizedTest
  @MethodSource("users")
  void noexecIsSaidByItsName(User user) throws Exception {
    Path mounted = program.newDirectory(user);
    String output = runMounted(user, "noexec", mounted, "-Djava.io.tmpdir=" + mounted);
    assertThat(output).contains(mounted + " is mounted noexec", REMEDY).endsWith("left=0");
    Path other = program.newDirectory(user);
    output = runMounted(user, "noexec", mounted, "-Djava.io.tmpdir=" + mounted, DIRECTORY + other);
    assertThat(output).contains(LibraryProbe.LOADED + "\n").endsWith("left=0");
  }

  @ParameterizedTest
  @MethodSource("users")
  void readOnlyDirectoryIsSaidByItsName(User user) throws Exception {
    Path mounted = program.newDirectory(user);
    assertThat(runMounted(user, "ro", mounted, DIRECTORY + mounted))
        .contains("cannot be extracted", mounted.toString(), "Read-only file system", REMEDY)
        .endsWith("left=0");
  }

  @Test
  void directoryWithoutWritePermissionIsSaidByItsName() throws Exception {
    User user = isRoot() ? User.ordinary() : User.self();
    Path directory = program.newDirectory(user);
    Files.setAttribute(directory, "unix:mode", 0555);
    assertThat(sentence(program.run(user, DIRECTORY + directory)))
        .contains("AccessDenied", directory.toString(), REMEDY);
  }

  @ParameterizedTest
  @MethodSource("users")
  void manyProcessesAtOnceDoNotDisturbEachOther(User user) throws Exception {
    Path directory = program.newDirectory(user);
    leftover(directory, DEAD + "1", user.id());
    leftover(directory, DEAD + "2", user.id());
    List<String> command =
        program.command(user, List.of(DIRECTORY + directory), List.of("dev.millrace", "once"));
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      processes.add(LibraryProgram.start(command));
    }
    for (Process process : processes) {
      assertLoads(LibraryProgram.output(process));
    }
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void twoClassLoadersHaveALibraryEach() throws Exception {
    Path directory = program.newDirectory(User.self());
    String output = twice(DIRECTORY + directory);
    assertThat(answers(output)).containsExactly("loaded", "loaded", "loaded");
    assertThat(directory).isEmptyDirectory();
  }

  /** Why each extracts a copy of its own. */
  @Test
  void oneFileIsRefusedToTheSecondClassLoader() throws Exception {
    List<String> answers = answers(twice("-Dmillrace.library.path=" + program.libraryFile()));
    assertThat(answers).hasSize(3);
    assertThat(answers.get(0)).isEqualTo(LibraryProbe.LOADED);
    assertThat(answers.get(1))
        .startsWith("the native engine has no library")
        .contains("already loaded in another classloader", "a file of its own");
    assertThat(answers.get(2)).isEqualTo(LibraryProbe.LOADED);
  }

  /** The bytes of the library come from a pipe, so that the process can be killed half-way. */
  @ParameterizedTest
  @MethodSource("users")
  void processKilledWhileItExtractsIsTidiedUpByTheNext(User user) throws Exception {
    Path directory = program.newDirectory(user);
    Path resources = program.newDirectory(user);
    LibraryProgram.open(resources);
    Path pipe = resources.resolve("META-INF/native/linux-x86_64/libmillrace.so");
    Files.createDirectories(pipe.getParent());
    for (Path folder = pipe.getParent(); !folder.equals(resources); folder = folder.getParent()) {
      LibraryProgram.open(folder);
    }
    assertThat(new ProcessBuilder("mkfifo", "-m", "444", pipe.toString()).start().waitFor())
        .isZero();
    List<Path> classPath = new ArrayList<>(List.of(resources));
    classPath.addAll(program.classPath());
    Process process =
        LibraryProgram.start(
            LibraryProgram.command(
                user, List.of(DIRECTORY + directory), classPath, List.of("dev.millrace", "once")));
    try (OutputStream half = Files.newOutputStream(pipe)) {
      half.write(Files.readAllBytes(program.libraryFile()), 0, 100_000);
      half.flush();
      await(process, () -> names(directory).size() == 1);
      process.destroyForcibly().waitFor();
    }
    assertThat(names(directory)).hasSize(1).first().asString().matches("millrace-\\d+-\\d+-\\d+");
    assertLoads(program.run(user, DIRECTORY + directory));
    assertThat(directory).isEmptyDirectory();
  }

  @ParameterizedTest
  @MethodSource("users")
  void processKilledAfterItLoadedLeavesNothing(User user) throws Exception {
    Path directory = program.newDirectory(user);
    Process process =
        LibraryProgram.start(
            program.command(user, List.of(DIRECTORY + directory), List.of("dev.millrace", "stay")));
    try {
      var output = process.inputReader();
      String line = output.readLine();
      while (line != null && !line.equals(LibraryProbe.LOADED)) {
        line = output.readLine();
      }
      assertThat(line).isEqualTo(LibraryProbe.LOADED);
      assertThat(process.isAlive()).isTrue();
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertThat(directory).isEmptyDirectory();
  }

  private static void assertLoads(String output) {
    assertThat(LibraryProgram.lastLine(output)).as(output).isEqualTo(LibraryProbe.LOADED);
  }

  /** Why the library is not available: one line, which names the machine and the remedy. */
  private static String sentence(String output) {
    String line = LibraryProgram.lastLine(output);
    assertThat(line)
        .as(output)
        .startsWith("the native engine has no library for linux-x86_64")
        .contains("os=Linux", "arch=amd64", "libc=", "-Dmillrace.library.path=FILE");
    return line;
  }

  private static String twice(String option) throws Exception {
    return LibraryProgram.output(
        LibraryProgram.start(
            program.command(User.self(), List.of(option), List.of("dev.millrace", "twice"))));
  }

  private static List<String> answers(String output) {
    return output
        .lines()
        .filter(
            line -> line.equals(LibraryProbe.LOADED) || line.startsWith("the native engine has no"))
        .toList();
  }

  /**
   * The program where a tmpfs is mounted, for it alone; the last line counts what it left there.
   */
  private static String runMounted(User user, String mode, Path directory, String... options)
      throws Exception {
    needRoot("mount");
    String script =
        "mount -t tmpfs -o mode=1777,$1 tmpfs $2 || exit "
            + CANNOT_MOUNT
            + "; directory=$2; shift 2; \"$@\"; echo left=$(ls -A $directory | wc -l)";
    List<String> command =
        new ArrayList<>(
            List.of("unshare", "-m", "sh", "-c", script, "sh", mode, directory.toString()));
    command.addAll(program.command(user, List.of(options), List.of("dev.millrace", "once")));
    Process process = LibraryProgram.start(command);
    String output = LibraryProgram.output(process);
    if (process.exitValue() == CANNOT_MOUNT || output.startsWith("unshare:")) {
      System.out.println("skipped: nothing can be mounted here: " + output);
      abort("nothing can be mounted here: " + output);
    }
    return output;
  }

  private static Path leftover(Path directory, String name, int user) throws IOException {
    Path folder = Files.createDirectory(directory.resolve(name));
    Path file = Files.writeString(folder.resolve("libmillrace.so" + "-".repeat(241)), "half a lib");
    if (user != User.SAME) {
      Files.setAttribute(file, "unix:uid", user, LinkOption.NOFOLLOW_LINKS);
      Files.setAttribute(folder, "unix:uid", user, LinkOption.NOFOLLOW_LINKS);
    }
    return folder;
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.map(path -> path.getFileName().toString()).toList();
    }
  }

  private interface Condition {
    boolean holds() throws IOException;
  }

  private static void await(Process process, Condition condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.holds()) {
      assertThat(process.isAlive()).isTrue();
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.sleep(5);
    }
  }
}
