// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Engine;
import dev.millrace.EngineUnavailableException;
import dev.millrace.internal.ring.Records;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Loads {@code libmillrace.so}, once for each class loader that has this class.
 *
 * <p>Places, in this order: the file named by {@code millrace.library.path}, and then no other, for
 * its user knows better; {@code java.library.path}; the resource {@code
 * META-INF/native/<os>-<arch>/libmillrace.so}, which is extracted into a fresh folder of our own,
 * compared with the sum recorded when it was built, loaded, and deleted.
 */
final class NativeLibrary {
  /** Names the library file; nothing else is tried when it is set. */
  static final String PATH_PROPERTY = "millrace.library.path";

  /**
   * Tells the library, while it loads, the class to bind its functions to, so that relocated
   * packages work.
   */
  private static final String NATIVES_PROPERTY = "millrace.internal.natives";

  private static final String NAME = "millrace";

  private NativeLibrary() {}

  /** Initialised, and the library with it, by the first question. */
  private static final class Loaded {
    static final @Nullable EngineUnavailableException CAUSE = load();
  }

  /** Why the library cannot be used, or null when it is loaded. Never throws. */
  static @Nullable EngineUnavailableException unavailabilityCause() {
    return Loaded.CAUSE;
  }

  /** The name of this platform as in the resource's path, such as {@code linux-x86_64}. */
  static String platform() {
    return platform(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
  }

  static String platform(String osName, String osArch) {
    String os = osName.toLowerCase(Locale.ROOT);
    if (os.startsWith("mac")) {
      os = "osx";
    }
    String arch =
        switch (osArch.toLowerCase(Locale.ROOT)) {
          case "amd64", "x86_64", "x64" -> "x86_64";
          case "aarch64", "arm64" -> "aarch_64";
          default -> osArch.toLowerCase(Locale.ROOT);
        };
    return os.replaceAll("[^a-z0-9_]", "") + '-' + arch;
  }

  private static @Nullable EngineUnavailableException load() {
    List<String> tried = new ArrayList<>();
    Throwable last = null;
    for (Place place : places()) {
      try {
        place.load();
        return wrongAbi(place);
      } catch (IOException | LinkageError | RuntimeException e) {
        tried.add(place + ": " + explain(e));
        last = e;
      }
    }
    String text =
        "the native engine has no library for "
            + platform()
            + " ("
            + String.join("; ", tried)
            + "). Put millrace-native with classifier "
            + platform()
            + " on the class path, or name the library file with -D"
            + PATH_PROPERTY
            + "=FILE";
    return new EngineUnavailableException(Engine.NATIVE, text, last);
  }

  private static @Nullable EngineUnavailableException wrongAbi(Place place) {
    int abi = NativeCalls.abi();
    if (abi == Records.ABI) {
      return null;
    }
    String text =
        "the native library belongs to another version: abi="
            + abi
            + ", expected="
            + Records.ABI
            + ", loaded from "
            + place
            + ". Use millrace and millrace-native of the same version, or name the right file with"
            + " -D"
            + PATH_PROPERTY
            + "=FILE";
    return new EngineUnavailableException(Engine.NATIVE, text, null);
  }

  /** A sentence for what the virtual machine said, with the remedy where one is known. */
  private static String explain(Throwable cause) {
    String text = cause.getMessage() == null ? cause.getClass().getName() : cause.getMessage();
    if (cause.getClass().getSimpleName().equals("IllegalCallerException")) {
      return text
          + " (allow it with --enable-native-access=ALL-UNNAMED, or =dev.millrace on the module"
          + " path)";
    }
    if (text.contains("failed to map segment")) {
      return text + " (is the folder mounted noexec? Choose another with -Djava.io.tmpdir=FOLDER)";
    }
    return text;
  }

  private static List<Place> places() {
    String path = System.getProperty(PATH_PROPERTY);
    return path != null ? List.of(new GivenFile(path)) : List.of(new LibraryPath(), new Resource());
  }

  /** Somewhere to load from; its string says where, for people. */
  private sealed interface Place {
    void load() throws IOException;
  }

  private record GivenFile(String path) implements Place {
    @Override
    public void load() throws IOException {
      Path file = Path.of(path).toAbsolutePath();
      if (!Files.isRegularFile(file)) {
        throw new IOException("no such file: " + file);
      }
      loadAnnouncing(() -> System.load(file.toString()));
    }

    @Override
    public String toString() {
      return PATH_PROPERTY;
    }
  }

  private record LibraryPath() implements Place {
    @Override
    public void load() {
      loadAnnouncing(() -> System.loadLibrary(NAME));
    }

    @Override
    public String toString() {
      return "java.library.path";
    }
  }

  private record Resource() implements Place {
    private static String name() {
      return "META-INF/native/" + platform() + '/' + System.mapLibraryName(NAME);
    }

    @Override
    public void load() throws IOException {
      byte[] library = read(name());
      // The sum is of what was built; a library that was damaged on its way must not run inside the
      // process.
      String expected = new String(read(name() + ".sha256"), StandardCharsets.US_ASCII);
      if (!expected.startsWith(sha256(library) + ' ')) {
        throw new IOException("its SHA-256 differs from the one recorded when it was built");
      }
      loadExtracted(library);
    }

    private static byte[] read(String name) throws IOException {
      // Through the class loader: Class.getResourceAsStream sees only its own module.
      ClassLoader loader = NativeLibrary.class.getClassLoader();
      try (InputStream stream =
          loader == null
              ? ClassLoader.getSystemResourceAsStream(name)
              : loader.getResourceAsStream(name)) {
        if (stream == null) {
          throw new IOException("not on the class path");
        }
        return stream.readAllBytes();
      }
    }

    @Override
    public String toString() {
      return name();
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static void loadExtracted(byte[] library) throws IOException {
    // A fresh folder that only we may enter: nobody can have planted a file or a link in it, or
    // swap ours.
    Path folder = Files.createTempDirectory("millrace-", owner("rwx------"));
    Path file = folder.resolve(System.mapLibraryName(NAME));
    try {
      try (OutputStream out = create(file)) {
        out.write(library);
      }
      loadAnnouncing(() -> System.load(file.toString()));
    } finally {
      // What is loaded stays loaded without its file, and a process that is killed leaves nothing
      // behind.
      Files.deleteIfExists(file);
      Files.deleteIfExists(folder);
    }
  }

  private static OutputStream create(Path file) throws IOException {
    Files.createFile(file, owner("rwx------"));
    return Files.newOutputStream(file, StandardOpenOption.WRITE);
  }

  private static FileAttribute<Set<PosixFilePermission>> owner(String permissions) {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions));
  }

  private static void loadAnnouncing(Runnable load) {
    // The property belongs to the whole process, as do interned strings: two class loaders take
    // turns.
    synchronized (NATIVES_PROPERTY.intern()) {
      System.setProperty(NATIVES_PROPERTY, NativeCalls.class.getName().replace('.', '/'));
      try {
        load.run();
      } finally {
        System.clearProperty(NATIVES_PROPERTY);
      }
    }
  }
}
