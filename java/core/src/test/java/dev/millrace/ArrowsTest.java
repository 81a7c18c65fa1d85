// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Who may use whom. Reads every source file of the repository and fails at an arrow that is not
 * drawn here; a new package or room must be drawn before it can be used.
 */
class ArrowsTest {

  private static final Path HOME = Path.of(System.getProperty("millrace.home", "../.."));

  /** Java: the package to the packages of ours that it may use. */
  private static final Map<String, Set<String>> PACKAGES =
      Map.ofEntries(
          Map.entry("dev.millrace", Set.of("dev.millrace.internal.spi")),
          Map.entry("dev.millrace.internal.spi", Set.of("dev.millrace")),
          Map.entry("dev.millrace.internal.ring", Set.of()),
          Map.entry(
              "dev.millrace.internal.jni",
              Set.of("dev.millrace", "dev.millrace.internal.spi", "dev.millrace.internal.ring")),
          Map.entry("dev.millrace.internal.protocol", Set.of()),
          Map.entry(
              "dev.millrace.internal.nio",
              Set.of(
                  "dev.millrace", "dev.millrace.internal.spi", "dev.millrace.internal.protocol")),
          Map.entry(
              "dev.millrace.flatbuffers", Set.of("dev.millrace", "dev.millrace.internal.spi")),
          Map.entry("dev.millrace.cli", Set.of("dev.millrace")),
          Map.entry("dev.millrace.micrometer", Set.of("dev.millrace")),
          Map.entry("dev.millrace.benchmarks", Set.of("dev.millrace", "dev.millrace.flatbuffers")),
          Map.entry("quickstart", Set.of("dev.millrace")),
          Map.entry("dev.millrace.examples.springboot", Set.of("dev.millrace")),
          Map.entry(
              "dev.millrace.examples.orderbook",
              Set.of(
                  "dev.millrace",
                  "dev.millrace.flatbuffers",
                  "dev.millrace.examples.orderbook.wire")));

  /** What main code of a package may use that is neither ours nor the JDK's. */
  private static final Map<String, Set<String>> FOREIGN =
      Map.of(
          "dev.millrace.flatbuffers",
          Set.of("com.google.flatbuffers"),
          "dev.millrace.examples.orderbook",
          Set.of("com.google.flatbuffers"),
          "dev.millrace.micrometer",
          Set.of("io.micrometer.core.instrument", "io.micrometer.core.instrument.binder"),
          "dev.millrace.examples.springboot",
          Set.of(
              "org.springframework.beans.factory.annotation",
              "org.springframework.boot",
              "org.springframework.boot.autoconfigure",
              "org.springframework.context",
              "org.springframework.stereotype",
              "org.springframework.web.bind.annotation"));

  /** The core: the room to the rooms that it may include. */
  private static final Map<String, Set<String>> ROOMS =
      Map.ofEntries(
          Map.entry("os", Set.of()),
          Map.entry("base", Set.of()),
          Map.entry("memory", Set.of("os", "base")),
          Map.entry("simd", Set.of("os", "base")),
          Map.entry("ring", Set.of("os", "base")),
          Map.entry("verify", Set.of("os", "base", "simd")),
          Map.entry("protocol", Set.of("simd", "base")),
          Map.entry("codec", Set.of("memory", "base")),
          Map.entry("transport", Set.of("os", "memory", "base")),
          Map.entry("loop", Set.of("os", "base")),
          Map.entry(
              "engine",
              Set.of(
                  "os",
                  "base",
                  "memory",
                  "simd",
                  "protocol",
                  "verify",
                  "codec",
                  "transport",
                  "loop",
                  "ring")));

  private static final Set<String> GLUE = Set.of("engine", "ring", "verify");

  private static final Pattern PACKAGE =
      Pattern.compile("^package ([a-z0-9.]+);", Pattern.MULTILINE);
  private static final Pattern OURS = Pattern.compile("\\bdev\\.millrace(?:\\.[a-z][a-z0-9]*)*\\b");
  private static final Pattern IMPORT =
      Pattern.compile("^import (?:static )?([a-z0-9.]+)\\.[A-Z*]", Pattern.MULTILINE);
  private static final Pattern INCLUDE =
      Pattern.compile("^\\s*#\\s*include\\s+\"([^\"/]+)/[^\"]+\"", Pattern.MULTILINE);
  private static final Pattern COMMENT_OR_STRING =
      Pattern.compile("/\\*.*?\\*/|//[^\\n]*|\"(?:\\\\.|[^\"\\\\\\n])*\"", Pattern.DOTALL);

  @Test
  void javaPackagesUseOnlyWhatTheyMay() throws IOException {
    List<String> broken = new ArrayList<>();
    int files = 0;
    for (Path source : javaSources()) {
      if (source.endsWith("module-info.java")) {
        continue;
      }
      files++;
      broken.addAll(brokenImports(HOME.relativize(source).toString(), Files.readString(source)));
    }

    assertThat(files).as("files read below " + HOME.toAbsolutePath()).isGreaterThan(40);
    assertThat(broken).isEmpty();
  }

  @Test
  void roomsOfTheCoreIncludeOnlyWhatTheyMay() throws IOException {
    List<String> broken = new ArrayList<>();
    int files = 0;
    for (Path source : coreSources()) {
      String name = HOME.relativize(source).normalize().toString();
      String room = name.startsWith("native/") ? name.split("/")[1] : "jni";
      if (room.equals("tests") || room.equals("fuzz")) {
        continue;
      }
      files++;
      broken.addAll(brokenIncludes(name, room, Files.readString(source)));
    }

    assertThat(files).as("files read below " + HOME.toAbsolutePath()).isGreaterThan(20);
    assertThat(broken).isEmpty();
  }

  /** The test itself: each kind of broken arrow is found. */
  @Test
  void findsBrokenArrows() {
    assertThat(
            brokenImports(
                "a", "package dev.millrace;\nimport dev.millrace.internal.jni.NativeServer;\n"))
        .containsExactly("a: dev.millrace -> dev.millrace.internal.jni");
    assertThat(
            brokenImports(
                "a",
                "package dev.millrace.internal.spi;\nclass A {dev.millrace.internal.ring.R r;}\n"))
        .containsExactly("a: dev.millrace.internal.spi -> dev.millrace.internal.ring");
    assertThat(brokenImports("a", "package dev.millrace;\nimport com.google.flatbuffers.Table;\n"))
        .containsExactly("a: dev.millrace -> com.google.flatbuffers");
    assertThat(
            brokenImports(
                "a", "package dev.millrace.cli;\nimport static dev.millrace.internal.jni.X.y;\n"))
        .containsExactly("a: dev.millrace.cli -> dev.millrace.internal.jni");
    assertThat(brokenImports("a", "package dev.millrace.novel;\n"))
        .containsExactly("a: package is not drawn: dev.millrace.novel");
    assertThat(
            brokenImports(
                "a",
                "package dev.millrace;\n/** {@link dev.millrace.internal.jni.X} */ String s ="
                    + " \"dev.millrace.cli\"; // dev.millrace.cli\n"
                    + "import java.util.List;\nimport dev.millrace.internal.spi.Decision;\n"))
        .isEmpty();
    assertThat(brokenIncludes("b", "protocol", "#include \"os/os.hpp\"\n"))
        .containsExactly("b: protocol -> os");
    assertThat(brokenIncludes("b", "loop", "  # include \"engine/loop.hpp\"\n"))
        .containsExactly("b: loop -> engine");
    assertThat(brokenIncludes("b", "jni", "#include \"memory/slab.hpp\"\n#include <jni.h>\n"))
        .containsExactly("b: jni -> memory");
    assertThat(brokenIncludes("b", "attic", "")).containsExactly("b: room is not drawn: attic");
    assertThat(brokenIncludes("b", "os", "#include \"os/os.hpp\"\n#include \"beside.hpp\"\n"))
        .isEmpty();
  }

  private static List<String> brokenImports(String name, String text) {
    Matcher declared = PACKAGE.matcher(text);
    if (!declared.find()) {
      return List.of(name + ": no package");
    }
    String own = declared.group(1);
    Set<String> allowed = PACKAGES.get(own);
    if (allowed == null) {
      return List.of(name + ": package is not drawn: " + own);
    }
    String code = COMMENT_OR_STRING.matcher(text).replaceAll(" ");
    List<String> used = new ArrayList<>();
    OURS.matcher(code).results().forEach(found -> used.add(found.group()));
    IMPORT.matcher(code).results().forEach(found -> used.add(found.group(1)));
    return used.stream()
        .distinct()
        .filter(other -> !other.equals(own) && !allowed.contains(other))
        .filter(other -> !isOfTheJdk(other) && !isForeignOf(own, other))
        .map(other -> name + ": " + own + " -> " + other)
        .toList();
  }

  private static boolean isOfTheJdk(String used) {
    return used.startsWith("java.") || used.startsWith("javax.") || used.startsWith("jdk.");
  }

  private static boolean isForeignOf(String own, String used) {
    return used.equals("org.jspecify.annotations")
        || FOREIGN.getOrDefault(own, Set.of()).contains(used);
  }

  private static List<String> brokenIncludes(String name, String room, String text) {
    Set<String> allowed = room.equals("jni") ? GLUE : ROOMS.get(room);
    if (allowed == null) {
      return List.of(name + ": room is not drawn: " + room);
    }
    return INCLUDE
        .matcher(text)
        .results()
        .map(found -> found.group(1))
        .distinct()
        .filter(other -> !other.equals(room) && !allowed.contains(other))
        .map(other -> name + ": " + room + " -> " + other)
        .toList();
  }

  /** The main sources of every Java module, whatever modules there are. */
  private static List<Path> javaSources() throws IOException {
    List<Path> sources = new ArrayList<>();
    for (String parent : List.of(".", "java", "examples")) {
      try (DirectoryStream<Path> modules = Files.newDirectoryStream(HOME.resolve(parent))) {
        for (Path module : modules) {
          sources.addAll(sources(module.resolve("src/main/java"), ".java"));
        }
      }
    }
    return sources;
  }

  private static List<Path> coreSources() throws IOException {
    List<Path> sources = new ArrayList<>(sources(HOME.resolve("native"), ".cpp"));
    sources.addAll(sources(HOME.resolve("native"), ".hpp"));
    sources.addAll(sources(HOME.resolve("bindings/jni"), ".cpp"));
    sources.addAll(sources(HOME.resolve("bindings/jni"), ".hpp"));
    return sources;
  }

  private static List<Path> sources(Path folder, String suffix) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(file -> file.toString().endsWith(suffix)).toList();
    }
  }
}
