// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InputTest {
  @Test
  void aLineIsAMessageAndTwoSlashesBeginOneWithOne() throws UsageException {
    assertEquals(new Input.Line(" hello /ping"), Input.parse(" hello /ping"));
    assertEquals(new Input.Line("/ping"), Input.parse("//ping"));
    assertEquals(new Input.Nothing(), Input.parse(""));
  }

  @Test
  void commandsHaveTheirOperands() throws UsageException {
    assertEquals(new Input.Ping(), Input.parse("/ping"));
    assertEquals(new Input.Help(), Input.parse("/help"));
    assertEquals(new Input.Text(""), Input.parse("/text"));
    assertEquals(new Input.Text(" two  blanks "), Input.parse("/text  two  blanks "));
    assertEquals(new Input.File("a b.txt"), Input.parse("/file a b.txt "));
    assertEquals(new Input.Close(1000, ""), Input.parse("/close"));
    assertEquals(new Input.Close(4001, ""), Input.parse("/close 4001"));
    assertEquals(new Input.Close(1001, "good bye"), Input.parse("/close 1001 good bye"));
  }

  @Test
  void binaryIsHexadecimalWithBlanksWhereOneLikes() throws UsageException {
    Input.Binary binary = (Input.Binary) Input.parse("/binary 00 ff2A\t7f");
    assertArrayEquals(new byte[] {0, -1, 0x2a, 0x7f}, binary.bytes());
    assertEquals(0, ((Input.Binary) Input.parse("/binary")).bytes().length);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/",
        "/pong",
        "/binary 0",
        "/binary xy",
        "/file",
        "/close 1005",
        "/close 999",
        "/close bye"
      })
  void whatIsNoCommandIsNotSent(String line) {
    assertThrows(UsageException.class, () -> Input.parse(line));
  }
}
