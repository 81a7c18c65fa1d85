// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.CloseCode;
import java.util.HexFormat;

/** What a person typed: mostly a message, else a command behind a slash. */
sealed interface Input {
  String HELP =
      """
      a line           is sent as a message; //line sends /line
      /text LINE       as text whatever the options say, also an empty one
      /binary HEX      these bytes, such as /binary 00 ff 2a
      /file PATH       a file as one message
      /ping            sends a ping and shows how long the pong took
      /close [CODE [REASON]]
                       closes, with 1000 if no code is given; so does Ctrl-D on an empty line
      /help            this""";

  /** A line, to be sent as the options say. */
  record Line(String text) implements Input {}

  record Text(String text) implements Input {}

  record Binary(byte[] bytes) implements Input {}

  record File(String path) implements Input {}

  record Close(int code, String reason) implements Input {}

  record Ping() implements Input {}

  record Help() implements Input {}

  record Nothing() implements Input {}

  static Input parse(String line) throws UsageException {
    if (line.isEmpty()) {
      return new Nothing();
    }
    if (!line.startsWith("/")) {
      return new Line(line);
    }
    if (line.startsWith("//")) {
      return new Line(line.substring(1));
    }
    int blank = line.indexOf(' ');
    String command = blank < 0 ? line : line.substring(0, blank);
    String rest = blank < 0 ? "" : line.substring(blank + 1);
    return switch (command) {
      case "/text" -> new Text(rest);
      case "/binary" -> new Binary(bytes(rest));
      case "/file" -> new File(path(rest.strip()));
      case "/close" -> close(rest.strip());
      case "/ping" -> new Ping();
      case "/help" -> new Help();
      default ->
          throw new UsageException(
              "unknown command " + command + "; /help lists them, //... sends a line with a slash");
    };
  }

  private static byte[] bytes(String hex) throws UsageException {
    try {
      return HexFormat.of().parseHex(hex.replaceAll("\\s", ""));
    } catch (IllegalArgumentException e) {
      throw new UsageException("/binary takes hexadecimal digits, two for each byte");
    }
  }

  private static String path(String rest) throws UsageException {
    if (rest.isEmpty()) {
      throw new UsageException("/file needs a path");
    }
    return rest;
  }

  private static Close close(String rest) throws UsageException {
    String[] words = rest.split(" +", 2);
    if (rest.isEmpty()) {
      return new Close(CloseCode.NORMAL_CLOSURE, "");
    }
    try {
      int code = Integer.parseInt(words[0]);
      if (CloseCode.isSendable(code)) {
        return new Close(code, words.length < 2 ? "" : words[1]);
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new UsageException("/close takes a code such as 1000 or 3000 to 4999, not " + words[0]);
  }
}
