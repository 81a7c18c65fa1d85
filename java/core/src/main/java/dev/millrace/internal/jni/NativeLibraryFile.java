// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The bundled library on its way through the file system, where others may be watching.
 *
 * <pre>
 * DIRECTORY/                                 may belong to anybody
 *   millrace-PID-START-RANDOM/               created by us, mode 0700
 *     libmillrace.so----...----              created by us alone (O_EXCL), mode 0500
 * </pre>
 *
 * <p>What is loaded is the file that we hold open, through {@code /proc/self/fd/N}, after its
 * SHA-256 was read from that same descriptor. Neither its name nor its folder matters then, and
 * both are gone before the library runs: whoever may rename our folder gains nothing, and a process
 * that is killed leaves nothing behind. One that is killed within the few milliseconds before
 * leaves a folder, which the next start removes.
 *
 * <p>Where there is no {@code /proc}, the file is loaded by its name and deleted afterwards.
 */
final class NativeLibraryFile {
  /**
   * As long as a name can be. The virtual machine resolves {@code /proc/self/fd/N} before it loads
   * it, and finds "NAME (deleted)". A file of such a name could be put there by somebody else, if
   * it were not too long to exist.
   */
  static final String NAME = "libmillrace.so" + "-".repeat(255 - "libmillrace.so".length());

  private static final Logger LOGGER = System.getLogger("dev.millrace");

  private static final Pattern FOLDER = Pattern.compile("millrace-([0-9]{1,10})-([0-9]+)-[0-9]+");

  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

  private static final int MAX_ENTRIES_SWEPT = 100_000;

  /**
   * Stays open as long as the class lives. Its number is the name by which the virtual machine and
   * the dynamic linker know the library; it must not come to mean that of another class loader.
   */
  private static @Nullable FileChannel held;

  private NativeLibraryFile() {}

  /**
   * Copies the library below a directory and has it loaded.
   *
   * @param directory where the private folder is made
   * @param library the library's bytes
   * @param sum their SHA-256 in hexadecimal
   * @param load what loads a file by its absolute name
   * @throws IOException if the file cannot be written, or is not what it should be
   */
  static synchronized void load(
      Path directory, InputStream library, String sum, Consumer<String> load) throws IOException {
    Path folder = Files.createTempDirectory(directory, prefix(), owner("rwx------"));
    Path file = folder.resolve(NAME);
    FileChannel opened = null;
    try {
      sweep(directory, folder);
      opened = write(file, library);
      if (!sha256(opened).equals(sum)) {
        throw new IOException("its SHA-256 differs from the one recorded when it was built");
      }
      Path descriptor = descriptorOf(file);
      if (descriptor != null) {
        delete(folder);
      }
      load.accept((descriptor != null ? descriptor : file).toString());
      held = opened;
    } finally {
      if (opened != null && opened != held) {
        opened.close();
      }
      delete(folder);
    }
  }

  /** Creates the file, and returns it open for reading only. */
  private static FileChannel write(Path file, InputStream library) throws IOException {
    Set<StandardOpenOption> options =
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (FileChannel written = FileChannel.open(file, options, owner("r-x------"))) {
      library.transferTo(Channels.newOutputStream(written));
      Path descriptor = descriptorOf(file);
      return descriptor != null
          ? FileChannel.open(descriptor, StandardOpenOption.READ)
          : FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
    }
  }

  /**
   * The name under {@code /proc} of the descriptor by which we have the file open, or null where
   * there is no {@code /proc}.
   */
  private static @Nullable Path descriptorOf(Path file) throws IOException {
    if (!Files.isDirectory(DESCRIPTORS)) {
      return null;
    }
    String name = file.getFileName().toString();
    String folder = file.getParent().getFileName().toString();
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(DESCRIPTORS)) {
      for (Path descriptor : descriptors) {
        Path target = target(descriptor);
        // The folder's random name makes it ours, whatever the way to it is called by now.
        if (target != null
            && target.getNameCount() >= 2
            && target.getFileName().toString().startsWith(name)
            && target.getParent().getFileName().toString().equals(folder)) {
          return descriptor;
        }
      }
    }
    throw new IOException("somebody moved it while it was written: " + file);
  }

  private static @Nullable Path target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor);
    } catch (IOException e) {
      return null; // closed by another thread since the directory was read
    }
  }

  private static String sha256(FileChannel file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    long position = 0;
    for (int read; (read = file.read(buffer.clear(), position)) > 0; position += read) {
      digest.update(buffer.flip());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void delete(Path folder) throws IOException {
    // Only what we ourselves would have put there.
    Files.deleteIfExists(folder.resolve(NAME));
    Files.deleteIfExists(folder);
  }

  private static FileAttribute<Set<PosixFilePermission>> owner(String permissions) {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions));
  }

  // ---------------------------------------------------------------- folders of the dead

  private static String prefix() {
    long pid = ProcessHandle.current().pid();
    return "millrace-" + pid + '-' + startOf(pid) + '-';
  }

  /**
   * Removes what processes of this user left when they were killed while they loaded. In a folder
   * that another container shares a process may only seem dead; it has its file open by then, and
   * does not need the name.
   */
  private static void sweep(Path directory, Path own) throws IOException {
    Object user = user(own);
    int entries = 0;
    try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
      for (Path folder : all) {
        if (++entries > MAX_ENTRIES_SWEPT) {
          return;
        }
        Matcher name = FOLDER.matcher(folder.getFileName().toString());
        if (name.matches() && isLeftover(folder, name, user)) {
          remove(folder);
        }
      }
    } catch (DirectoryIteratorException | IOException e) {
      // A directory that may be entered and not listed, for one. Others start tidily without it.
      LOGGER.log(Level.DEBUG, "leftovers in {0} stay: {1}", directory, e);
    }
  }

  private static boolean isLeftover(Path folder, Matcher name, Object user) {
    try {
      return Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
          && user.equals(user(folder))
          && !name.group(2).equals(startOf(Long.parseLong(name.group(1))));
    } catch (IOException e) {
      return false; // gone since the directory was read
    }
  }

  private static void remove(Path folder) {
    try {
      delete(folder);
    } catch (IOException e) {
      LOGGER.log(Level.DEBUG, "{0} stays: {1}", folder, e);
    }
  }

  private static Object user(Path file) throws IOException {
    return Files.getAttribute(file, "unix:uid", LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * When a process started: in the system's ticks since its boot, which tell a process from an
   * earlier one of the same number. Empty when there is no such process, 0 when nobody knows.
   */
  private static String startOf(long pid) {
    try {
      String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      // The second field, the program's name, may hold spaces and parentheses.
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      boolean dead = fields[0].equals("Z") || fields[0].equals("X");
      return dead ? "" : fields[19];
    } catch (IOException e) {
      return ProcessHandle.of(pid).isPresent() ? "0" : "";
    }
  }
}
