// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.suite.Seed;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** RFC 6455 9.1: what a header says, and that nothing else is read out of it. */
class ExtensionHeaderTest {

  private static String read(String... lines) {
    return ExtensionHeader.parse(List.of(lines)).stream()
        .map(ExtensionHeaderTest::text)
        .collect(Collectors.joining(" "));
  }

  private static String text(ExtensionHeader.Extension extension) {
    StringBuilder text = new StringBuilder(extension.isWellFormed() ? extension.name() : "!");
    for (ExtensionHeader.Parameter parameter : extension.parameters()) {
      text.append('(').append(parameter.name());
      text.append(parameter.value() == null ? "" : "=" + parameter.value()).append(')');
    }
    return text.toString();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "a                      | a",
        "a,b                    | a b",
        " a\t;\tp ; q=1 , b ;r= x | a(p)(q=1) b(r=x)",
        "a;p=\"1\"              | a(p=1)",
        "a;p=\"\\1\\5\"         | a(p=15)",
        "a;p=\"1\";q,b          | a(p=1)(q) b",
        ",,a,,                  | a",
        "``                     | ``",
        ", ,\t,                 | ``",
        // Not of that form.
        "a;                     | !",
        "a;,b                   | ! b",
        ";p                     | !",
        "=                      | !",
        "a;p=                   | !",
        "a;=1                   | !",
        "a;p=\"                 | !",
        "a;p=\"1                | !",
        "a;p=\"\"               | !",
        "a;p=\"1 2\"            | !",
        "a;p=\"1,b\",c          | ! c",
        "a;p=\"1\\\"            | !",
        "a;p=\"1\"2,b           | ! b",
        "a b,c                  | ! c",
        "a;p q,c                | ! c",
        "a;p=1=2                | !",
        "a\"b,c\",d             | ! d",
        "(a),b                  | ! b",
        "a;p={1}                | !",
        "\u00e4,b               | ! b",
      })
  void whatALineSays(String line, String expected) {
    assertThat(read(line)).isEqualTo(expected);
  }

  @Test
  void linesFollowEachOther() {
    assertThat(read("a, b;p", "", "c;p=\"1", "d")).isEqualTo("a b(p) ! d");
  }

  /** What is written from a list is read as that list, however it is spaced and quoted. */
  @Test
  void whatIsWrittenIsRead() {
    Random random = Seed.random("extension header");
    for (int i = 0; i < 20_000; i++) {
      List<String> lines = new ArrayList<>();
      StringBuilder line = new StringBuilder();
      List<String> expected = new ArrayList<>();
      for (int count = random.nextInt(4); count > 0; count--) {
        ExtensionHeader.Extension extension = extension(random);
        expected.add(text(extension));
        write(extension, random, line);
        if (random.nextInt(4) == 0) {
          lines.add(line.toString());
          line.setLength(0);
        } else {
          line.append(',');
        }
      }
      lines.add(line.toString());
      assertThat(read(lines.toArray(String[]::new)))
          .as(lines::toString)
          .isEqualTo(String.join(" ", expected));
    }
  }

  private static ExtensionHeader.Extension extension(Random random) {
    List<ExtensionHeader.Parameter> parameters = new ArrayList<>();
    for (int count = random.nextInt(4); count > 0; count--) {
      @Nullable String value = random.nextBoolean() ? token(random) : null;
      parameters.add(new ExtensionHeader.Parameter(token(random), value));
    }
    return new ExtensionHeader.Extension(true, token(random), parameters);
  }

  private static String token(Random random) {
    String characters = "aZ09-_.!#$%&'*+^`|~";
    StringBuilder token = new StringBuilder();
    for (int length = 1 + random.nextInt(5); length > 0; length--) {
      token.append(characters.charAt(random.nextInt(characters.length())));
    }
    return token.toString();
  }

  private static void write(
      ExtensionHeader.Extension extension, Random random, StringBuilder line) {
    line.append(blank(random)).append(extension.name()).append(blank(random));
    for (ExtensionHeader.Parameter parameter : extension.parameters()) {
      line.append(';').append(blank(random)).append(parameter.name()).append(blank(random));
      String value = parameter.value();
      if (value != null && random.nextBoolean()) {
        line.append('=').append(value).append(blank(random));
      } else if (value != null) {
        line.append("=\"").append(random.nextBoolean() ? "\\" : "").append(value).append('"');
      }
    }
  }

  private static String blank(Random random) {
    return "\t ".substring(random.nextInt(3));
  }

  /** Every line of a few characters is read to its end, and as much of it as its commas cut. */
  @Test
  void everyShortLineIsReadToItsEnd() {
    char[] alphabet = {'a', ';', ',', '=', '"', '\\', ' ', '('};
    StringBuilder line = new StringBuilder();
    for (int length = 0; length <= 6; length++) {
      everyLine(alphabet, length, line);
    }
  }

  private static void everyLine(char[] alphabet, int left, StringBuilder line) {
    if (left == 0) {
      List<ExtensionHeader.Extension> read = ExtensionHeader.parse(List.of(line.toString(), "z"));
      assertThat(read.get(read.size() - 1).name()).isEqualTo("z");
      if (line.indexOf("\"") < 0) {
        long elements =
            Arrays.stream(line.toString().split(",")).filter(element -> !element.isBlank()).count();
        assertThat(read).as(line::toString).hasSize((int) elements + 1);
      }
      return;
    }
    for (char c : alphabet) {
      line.append(c);
      everyLine(alphabet, left - 1, line);
      line.setLength(line.length() - 1);
    }
  }
}
