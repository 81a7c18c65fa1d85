// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What others could do to the file between its creation and its use; nothing is loaded here. */
@EnabledOnOs(OS.LINUX)
class NativeLibraryFileTest {
  private static final byte[] OURS = "ours".repeat(50_000).getBytes(StandardCharsets.US_ASCII);
  private static final String DEAD = "4194305"; // above the highest number a process can have

  @TempDir Path directory;
  private String sum;

  @BeforeEach
  void hash() throws Exception {
    sum = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(OURS));
  }

  @Test
  void whatIsLoadedHasNoNameAnyMore() throws Exception {
    List<String> loaded = new ArrayList<>();
    load(
        name -> {
          assertThat(name).startsWith("/proc/self/fd/");
          assertThat(Files.readAllBytes(Path.of(name))).isEqualTo(OURS);
          assertThat(directory).isEmptyDirectory();
          loaded.add(name);
        });
    assertThat(loaded).hasSize(1);
  }

  /** The virtual machine resolves links first; a plausible answer would be loaded instead. */
  @Test
  void nobodyCanPutAFileWhereTheDescriptorSeemsToPoint() throws Exception {
    load(
        name -> {
          Path seeming = Files.readSymbolicLink(Path.of(name));
          assertThat(seeming.toString()).endsWith("- (deleted)");
          Files.createDirectory(seeming.getParent());
          assertThatThrownBy(() -> Files.writeString(seeming, "theirs"))
              .isInstanceOf(FileSystemException.class)
              .hasMessageContaining("too long");
          assertThat(new File(name).getCanonicalPath()).startsWith("/proc/");
          Files.delete(seeming.getParent());
        });
  }

  @Test
  void folderAndFileAreOursAlone() throws Exception {
    InputStream watched =
        new ByteArrayInputStream(OURS) {
          @Override
          public synchronized void close() {}

          @Override
          public synchronized long transferTo(java.io.OutputStream out) throws IOException {
            Path folder = list().get(0);
            assertThat(folder.getFileName().toString())
                .startsWith("millrace-" + ProcessHandle.current().pid() + '-');
            assertThat(permissions(folder)).isEqualTo("rwx------");
            assertThat(permissions(folder.resolve(NativeLibraryFile.NAME))).isEqualTo("r-x------");
            return super.transferTo(out);
          }
        };
    NativeLibraryFile.load(directory, watched, sum, name -> {});
  }

  /** Somebody who may rename the folder puts one of his own in its place, link included. */
  @Test
  void folderThatIsExchangedMeanwhileChangesNothing(@TempDir Path elsewhere) throws Exception {
    Path victim = Files.writeString(elsewhere.resolve("victim"), "precious");
    InputStream exchanging =
        new ByteArrayInputStream(OURS) {
          @Override
          public synchronized long transferTo(java.io.OutputStream out) throws IOException {
            Path folder = list().get(0);
            long copied = super.transferTo(out);
            Files.move(folder.resolve(NativeLibraryFile.NAME), elsewhere.resolve("taken"));
            Files.createSymbolicLink(folder.resolve(NativeLibraryFile.NAME), victim);
            return copied;
          }
        };
    List<String> loaded = new ArrayList<>();
    assertThatThrownBy(
            () -> NativeLibraryFile.load(directory, exchanging, sum, name -> loaded.add(name)))
        .hasMessageContaining("somebody moved it");
    assertThat(loaded).isEmpty();
    assertThat(victim).hasContent("precious");
  }

  @Test
  void otherBytesAreNotLoaded() throws Exception {
    InputStream other = new ByteArrayInputStream("theirs".getBytes(StandardCharsets.US_ASCII));
    assertThatThrownBy(
            () ->
                NativeLibraryFile.load(
                    directory,
                    other,
                    sum,
                    name -> {
                      throw new AssertionError("loaded");
                    }))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("SHA-256");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void failedLoadLeavesNeitherFileNorDescriptor() throws Exception {
    long before = descriptors();
    assertThatThrownBy(
            () ->
                load(
                    name -> {
                      throw new UnsatisfiedLinkError("no");
                    }))
        .isInstanceOf(UnsatisfiedLinkError.class);
    assertThat(directory).isEmptyDirectory();
    assertThat(descriptors()).isEqualTo(before);
  }

  @Test
  void leftoversOfTheDeadAreRemoved() throws Exception {
    leftover("millrace-" + DEAD + "-77-1");
    // Our own number, as a container's first process gets it again; and it started at another time.
    leftover("millrace-" + ProcessHandle.current().pid() + "-1-1");
    Files.createDirectory(directory.resolve("millrace-" + DEAD + "-77-2"));
    load(name -> assertThat(directory).isEmptyDirectory());
  }

  @Test
  void whatMayBeSomebodyElsesStays(@TempDir Path elsewhere) throws Exception {
    String self = ProcessHandle.current().pid() + "-" + startOf(ProcessHandle.current().pid());
    Path living = leftover("millrace-" + self + "-1");
    Path otherName = leftover("millrace-" + DEAD + "-backup");
    Path file = Files.writeString(directory.resolve("millrace-" + DEAD + "-77-3"), "a file");
    Path link = directory.resolve("millrace-" + DEAD + "-77-4");
    Path target = Files.writeString(elsewhere.resolve(NativeLibraryFile.NAME), "precious");
    Files.createSymbolicLink(link, elsewhere);
    Path more = leftover("millrace-" + DEAD + "-77-5");
    Path note = Files.writeString(more.resolve("note"), "not from us");
    load(name -> {});
    assertThat(living).isDirectoryContaining(path -> path.endsWith(NativeLibraryFile.NAME));
    assertThat(otherName).isDirectoryContaining(path -> path.endsWith(NativeLibraryFile.NAME));
    assertThat(file).exists();
    assertThat(link).isSymbolicLink();
    assertThat(target).hasContent("precious");
    assertThat(note).exists();
  }

  private interface Load {
    void accept(String name) throws IOException;
  }

  private void load(Load load) throws IOException {
    NativeLibraryFile.load(
        directory,
        new ByteArrayInputStream(OURS),
        sum,
        name -> {
          try {
            load.accept(name);
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        });
  }

  private Path leftover(String name) throws IOException {
    Path folder = Files.createDirectory(directory.resolve(name));
    Files.writeString(folder.resolve(NativeLibraryFile.NAME), "half of a libr");
    return folder;
  }

  private List<Path> list() throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.toList();
    }
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  private static String permissions(Path file) throws IOException {
    return PosixFilePermissions.toString(
        Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS));
  }

  private static String startOf(long pid) throws IOException {
    String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
    return stat.substring(stat.lastIndexOf(')') + 2).split(" ")[19];
  }
}
