// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Message.Kind;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.LocalTime;
import org.junit.jupiter.api.Test;

class OutputTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private static ByteBuffer utf8(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private String shown() {
    String text = out.toString(StandardCharsets.UTF_8);
    out.reset();
    return text.replaceAll("[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}", "TIME");
  }

  @Test
  void inAPipeTextIsALineAndBinaryIsItself() throws IOException {
    Output output = new Output(out, err, false, false);
    output.received(Kind.TEXT, utf8("one\ntwo \033[1m"));
    output.received(Kind.BINARY, ByteBuffer.wrap(new byte[] {0, -1}));
    output.detail("not wanted");
    output.note("told");
    output.problem("wrong");
    ByteArrayOutputStream expected = new ByteArrayOutputStream();
    expected.writeBytes("one\ntwo \033[1m\n".getBytes(StandardCharsets.UTF_8));
    expected.writeBytes(new byte[] {0, -1});
    assertArrayEquals(expected.toByteArray(), out.toByteArray());
    assertEquals("* told\nmillrace: wrong\n", err.toString(StandardCharsets.UTF_8));
  }

  @Test
  void forPeopleKindAndTimeStandBefore() throws IOException {
    Output output = new Output(out, err, true, false);
    output.received(Kind.TEXT, utf8("hello \033[1m"));
    assertEquals("< text TIME hello \\x1b[1m\n", shown());
    output.received(Kind.BINARY, ByteBuffer.wrap(new byte[] {0, -1, 16}));
    assertEquals("< binary TIME 3 bytes: 00 ff 10\n", shown());
    output.received(Kind.BINARY, ByteBuffer.allocate(0));
    assertEquals("< binary TIME 0 bytes\n", shown());
    output.received(Kind.BINARY, ByteBuffer.allocate(65));
    assertTrue(shown().matches("< binary TIME 65 bytes: (00 ){64}\\.\\.\\.\n"));
  }

  @Test
  void aTerminalIsNotFloodedAndAPipeGetsAll() throws IOException {
    String text = "a" + "€".repeat(10_000);
    new Output(out, err, true, false).received(Kind.TEXT, utf8(text));
    String shown = shown();
    assertTrue(shown.length() < 6_000, "length=" + shown.length());
    assertTrue(shown.endsWith("€ ... (30001 bytes)\n"), shown);
    new Output(out, err, false, true).received(Kind.TEXT, utf8(text));
    assertEquals("< text TIME " + text + "\n", shown());
  }

  @Test
  void timesHaveAllTheirDigits() {
    assertEquals("01:02:03.004", Output.time(LocalTime.of(1, 2, 3, 4_999_999)));
    assertEquals("23:59:59.120", Output.time(LocalTime.of(23, 59, 59, 120_000_000)));
  }
}
