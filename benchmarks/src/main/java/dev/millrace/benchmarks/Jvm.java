// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The Java that every Java server runs on, with the same options. */
record Jvm(Path home, String version) {
  private static final Pattern VERSION =
      Pattern.compile("(?m)^JAVA_VERSION=\"([1-9][0-9][^\"]*)\"");
  private static final int WARNS_OF_NATIVE_ACCESS = 24;

  /** The one that runs this program, which is the launcher's. */
  static Jvm own() {
    return new Jvm(Path.of(System.getProperty("java.home")), Runtime.version().toString());
  }

  static Jvm parse(String text) throws UsageException {
    try {
      Path home = Path.of(text).toAbsolutePath();
      if (!Files.isExecutable(home.resolve("bin/java"))) {
        throw new UsageException("--java: no bin/java in \"" + text + "\"");
      }
      Matcher matcher = VERSION.matcher(Files.readString(home.resolve("release")));
      if (!matcher.find()) {
        throw new UsageException("--java: no JDK 17 or newer in \"" + text + "\"");
      }
      return new Jvm(home, matcher.group(1));
    } catch (InvalidPathException | IOException e) {
      throw new UsageException("--java wants the home of a JDK, not \"" + text + "\"");
    }
  }

  /** Runs a class with the options that the launcher gives to our own server. */
  List<String> command(String classPath, String mainClass, String... arguments) {
    List<String> command = new ArrayList<>(List.of(home.resolve("bin/java").toString()));
    if (Runtime.Version.parse(version).feature() >= WARNS_OF_NATIVE_ACCESS) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    command.addAll(List.of("-cp", classPath, mainClass));
    command.addAll(List.of(arguments));
    return command;
  }
}
