// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the library meets on this machine: for its name, and for people who read why it failed. */
final class NativeLibraryPlatform {
  private static final Pattern GLIBC = Pattern.compile("libc(\\.so\\.6|-2\\.[0-9.]+\\.so)");
  private static final Pattern GLIBC_VERSION =
      Pattern.compile("GNU C Library[^\\n]* version ([0-9]+\\.[0-9]+)");
  private static final Pattern MUSL = Pattern.compile("(ld-musl-|libc\\.musl-).*");
  private static final Pattern MUSL_VERSION = Pattern.compile("\\x00(1\\.[0-9]+\\.[0-9]+)\\x00");

  private static final Pattern OCTAL = Pattern.compile("\\\\([0-7]{3})");

  private NativeLibraryPlatform() {}

  /** The name of this platform as in the resource's path, such as {@code linux-x86_64}. */
  static String classifier() {
    return classifier(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
  }

  static String classifier(String osName, String osArch) {
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

  /** Such as {@code os=Linux 6.1.0, arch=amd64, libc=glibc 2.36}. */
  static String describe() {
    return "os="
        + System.getProperty("os.name")
        + ' '
        + System.getProperty("os.version")
        + ", arch="
        + System.getProperty("os.arch")
        + ", libc="
        + libc();
  }

  /** The C library that this process runs on, and its version, such as {@code glibc 2.36}. */
  static String libc() {
    try {
      return libc(Files.readAllLines(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1));
    } catch (IOException e) {
      return "unknown";
    }
  }

  /** The same from the mappings of a process, one a line. */
  static String libc(List<String> mappings) {
    for (String mapping : mappings) {
      int path = mapping.indexOf('/');
      if (path >= 0) {
        Path file = Path.of(mapping.substring(path));
        String name = String.valueOf(file.getFileName());
        if (GLIBC.matcher(name).matches()) {
          return ("glibc " + find(GLIBC_VERSION, file)).strip();
        }
        if (MUSL.matcher(name).matches()) {
          return ("musl " + find(MUSL_VERSION, file)).strip();
        }
      }
    }
    return "unknown";
  }

  private static String find(Pattern version, Path file) {
    try {
      String content = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
      Matcher matcher = version.matcher(content);
      return matcher.find() ? matcher.group(1) : "";
    } catch (IOException e) {
      return ""; // replaced by an update since the process started
    }
  }

  /** Whether nothing in a directory can be loaded, because of how it was mounted. */
  static boolean isNoexec(Path directory) {
    try {
      List<String> mounts =
          Files.readAllLines(Path.of("/proc/self/mountinfo"), StandardCharsets.UTF_8);
      return isNoexec(directory.toRealPath(), mounts);
    } catch (IOException e) {
      return false; // then nobody knows
    }
  }

  /** The same from the lines of {@code /proc/self/mountinfo}. */
  static boolean isNoexec(Path directory, List<String> mounts) {
    Path nearest = null;
    boolean noexec = false;
    for (String mount : mounts) {
      // 36 35 98:0 /root /mount/point rw,noexec shared:1 - ext4 /dev/root rw
      String[] fields = mount.split(" ");
      if (fields.length < 6) {
        continue;
      }
      Path point = Path.of(unescape(fields[4]));
      // Of two mounts on one place the later hides the earlier.
      boolean nearer = nearest == null || point.getNameCount() >= nearest.getNameCount();
      if (directory.startsWith(point) && nearer) {
        nearest = point;
        noexec = Arrays.asList(fields[5].split(",")).contains("noexec");
      }
    }
    return noexec;
  }

  private static String unescape(String path) {
    return OCTAL
        .matcher(path)
        .replaceAll(
            code ->
                Matcher.quoteReplacement(
                    String.valueOf((char) Integer.parseInt(code.group(1), 8))));
  }
}
