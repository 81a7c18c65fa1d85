// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Engine;
import dev.millrace.EngineUnavailableException;
import dev.millrace.internal.ring.Records;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Loads {@code libmillrace.so}, once for each class loader that has this class.
 *
 * <p>Places, in this order: the file named by {@code millrace.library.path}, and then no other, for
 * its user knows better; {@code java.library.path}; the resource {@code
 * META-INF/native/<os>-<arch>/libmillrace.so}, by way of a {@link NativeLibraryFile} in the folder
 * named by {@code millrace.library.directory}, else the temporary one.
 */
final class NativeLibrary {
  /** Names the library file; nothing else is tried when it is set. */
  static final String PATH_PROPERTY = "millrace.library.path";

  /** Names the directory in which the bundled library is extracted. */
  static final String DIRECTORY_PROPERTY = "millrace.library.directory";

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

  private static @Nullable EngineUnavailableException load() {
    List<String> tried = new ArrayList<>();
    List<Throwable> causes = new ArrayList<>();
    for (Place place : places()) {
      try {
        place.load();
        return wrongAbi(place);
      } catch (IllegalCallerException e) {
        return forbidden(e); // everywhere
      } catch (IOException | LinkageError | RuntimeException e) {
        tried.add(place + ": " + explain(e));
        causes.add(e);
      }
    }
    return unavailable(
        "the native engine has no library for "
            + NativeLibraryPlatform.classifier()
            + " ("
            + NativeLibraryPlatform.describe()
            + "; tried "
            + String.join("; ", tried)
            + "). Put millrace-native with classifier "
            + NativeLibraryPlatform.classifier()
            + " on the class path, or name the library file with -D"
            + PATH_PROPERTY
            + "=FILE",
        causes);
  }

  private static @Nullable EngineUnavailableException wrongAbi(Place place) {
    int abi = NativeCalls.abi();
    if (abi == Records.ABI) {
      return null;
    }
    return unavailable(
        "the native library belongs to another version: abi="
            + abi
            + ", expected="
            + Records.ABI
            + ", loaded from "
            + place
            + ". Use millrace and millrace-native of the same version, or name the right file with"
            + " -D"
            + PATH_PROPERTY
            + "=FILE",
        List.of());
  }

  /** From JDK 24 on, users may forbid native libraries to modules that they do not name. */
  private static EngineUnavailableException forbidden(IllegalCallerException cause) {
    Module module = NativeLibrary.class.getModule();
    return unavailable(
        "this virtual machine forbids native libraries to the native engine ("
            + NativeLibraryPlatform.describe()
            + "): "
            + cause.getMessage()
            + ". Allow them with --enable-native-access="
            + (module.isNamed() ? module.getName() : "ALL-UNNAMED"),
        List.of(cause));
  }

  private static EngineUnavailableException unavailable(String text, List<Throwable> causes) {
    Throwable last = causes.isEmpty() ? null : causes.get(causes.size() - 1);
    String line = text.replaceAll("\\s*\\R\\s*", " ");
    EngineUnavailableException result = new EngineUnavailableException(Engine.NATIVE, line, last);
    causes.stream().filter(cause -> cause != last).forEach(result::addSuppressed);
    return result;
  }

  /** A sentence for what went wrong, with the remedy where one is known. */
  private static String explain(Throwable cause) {
    String text = cause.getMessage() == null ? cause.getClass().getName() : cause.getMessage();
    return text.contains("already loaded in another classloader")
        ? text
            + " (each class loader needs a file of its own; the bundled library is copied for it)"
        : text;
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
      announcing(name -> System.load(name)).accept(file.toString());
    }

    @Override
    public String toString() {
      return PATH_PROPERTY;
    }
  }

  private record LibraryPath() implements Place {
    @Override
    public void load() {
      announcing(name -> System.loadLibrary(name)).accept(NAME);
    }

    @Override
    public String toString() {
      return "java.library.path";
    }
  }

  private record Resource() implements Place {
    private static String name() {
      return "META-INF/native/"
          + NativeLibraryPlatform.classifier()
          + '/'
          + System.mapLibraryName(NAME);
    }

    @Override
    public void load() throws IOException {
      Path directory = directory();
      try (InputStream sum = open(name() + ".sha256");
          InputStream library = open(name())) {
        // The sum is of what was built; a library that was damaged on its way must not run inside
        // the process.
        String expected = new String(sum.readAllBytes(), StandardCharsets.US_ASCII).split(" ")[0];
        NativeLibraryFile.load(directory, library, expected, announcing(name -> System.load(name)));
      } catch (FileSystemException e) {
        throw new IOException("cannot be extracted: " + e + another(), e);
      } catch (UnsatisfiedLinkError e) {
        if (NativeLibraryPlatform.isNoexec(directory)) {
          throw new IOException(
              directory + " is mounted noexec, no library in it can be loaded" + another(), e);
        }
        throw e;
      }
    }

    private static Path directory() {
      String property = System.getProperty(DIRECTORY_PROPERTY);
      return Path.of(property != null ? property : System.getProperty("java.io.tmpdir"))
          .toAbsolutePath();
    }

    private static String another() {
      return " (choose another folder with -D" + DIRECTORY_PROPERTY + "=FOLDER)";
    }

    private static InputStream open(String name) throws IOException {
      // Through the class loader: Class.getResourceAsStream sees only its own module.
      ClassLoader loader = NativeLibrary.class.getClassLoader();
      InputStream stream =
          loader == null
              ? ClassLoader.getSystemResourceAsStream(name)
              : loader.getResourceAsStream(name);
      if (stream == null) {
        throw new IOException("not on the class path");
      }
      return stream;
    }

    @Override
    public String toString() {
      return name();
    }
  }

  private static Consumer<String> announcing(Consumer<String> load) {
    return name -> {
      // The property belongs to the whole process, as do interned strings: two class loaders take
      // turns.
      synchronized (NATIVES_PROPERTY.intern()) {
        System.setProperty(NATIVES_PROPERTY, NativeCalls.class.getName().replace('.', '/'));
        try {
          load.accept(name);
        } finally {
          System.clearProperty(NATIVES_PROPERTY);
        }
      }
    };
  }
}
