// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.Message;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectOptionsTest {
  private static ConnectOptions parse(String line) throws UsageException {
    return ConnectOptions.parse(line.isEmpty() ? List.of() : List.of(line.split(" ")));
  }

  @Test
  void defaultsAreThoseOfTheHelpText() throws UsageException {
    assertEquals(
        new ConnectOptions(
            URI.create("ws://127.0.0.1:9001/echo"),
            Engine.AUTO,
            Optional.empty(),
            List.of(),
            Map.of(),
            List.of(),
            Compression.disabled(),
            Optional.empty(),
            0,
            false,
            16 << 20,
            Duration.ofSeconds(10),
            Optional.empty(),
            false),
        parse("ws://127.0.0.1:9001/echo"));
  }

  @Test
  void readsEveryOption() throws UsageException {
    assertEquals(
        new ConnectOptions(
            URI.create("ws+unix:///tmp/x.sock:/chat"),
            Engine.JAVA,
            Optional.of(Message.Kind.BINARY),
            List.of(Path.of("a.bin"), Path.of("-")),
            Map.of("X-Token", "a:b", "Origin", "https://example.com"),
            List.of("v2.chat", "v1.chat"),
            Compression.enabled(),
            Optional.of(URI.create("http://127.0.0.1:3128")),
            3,
            true,
            65536,
            Duration.ofMillis(500),
            Optional.of(ConnectOptions.FOREVER),
            true),
        parse(
            "--engine java --binary --file a.bin --file - --header X-Token:a:b"
                + " --origin https://example.com --subprotocol v2.chat,v1.chat --compression on"
                + " --proxy http://127.0.0.1:3128 ws+unix:///tmp/x.sock:/chat --redirects 3"
                + " --reconnect --max-message 64K --timeout 0.5 --wait forever --verbose"));
  }

  @Test
  void readsHeadersAsPeopleWriteThem() throws UsageException {
    List<String> arguments = List.of("ws://h", "--header", "Authorization: Bearer a b ");
    assertEquals(Map.of("Authorization", "Bearer a b"), ConnectOptions.parse(arguments).headers());
  }

  @ParameterizedTest
  @CsvSource({"0,0", "1,1000", "0.25,250", "2.5,2500", "3600,3600000"})
  void readsSeconds(String text, long millis) throws UsageException {
    Duration waiting = parse("ws://h --wait " + text).waiting().orElseThrow();
    assertEquals(Duration.ofMillis(millis), waiting);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--header name",
        "--header :value",
        "--header a:1 --header A:2",
        "--header origin:a --origin b",
        "--text --binary",
        "--wait -1",
        "--wait 1s",
        "--wait 1.2345",
        "--timeout 0",
        "--timeout 3601",
        "--timeout 9999999999",
        "--redirects many",
        "--proxy a|b",
        "--file \u0000",
        "--compression maybe",
        "--engine fast",
        "--max-message 2G",
        "--subprotocol",
        "-v",
        "--bogus"
      })
  void refusesInOneLineThatNamesTheMistake(String line) {
    UsageException e = assertThrows(UsageException.class, () -> parse("ws://h " + line));
    assertFalse(e.getMessage().contains("\n"), e.getMessage());
    String named = line.contains("header") ? "header" : line.split(" ")[0];
    assertTrue(e.getMessage().contains(named), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "ws://a ws://b", "localhost:9001", "http://localhost", "ws://a b", "%"})
  void wantsOneWebSocketUri(String line) {
    UsageException e = assertThrows(UsageException.class, () -> parse(line));
    assertTrue(e.getMessage().contains("URI"), e.getMessage());
  }
}
