// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The head of a well-formed HTTP/1.1 response; the engine has refused malformed ones. Immutable;
 * any thread.
 */
public final class ResponseHead {

  private final byte[] head;
  private final int status;

  /**
   * A response.
   *
   * @param head the bytes from the status line to the empty line; not copied, must not change
   * @param status 100 to 999
   */
  public ResponseHead(byte[] head, int status) {
    this.head = head;
    this.status = status;
  }

  /**
   * The status.
   *
   * @return 100 to 999
   */
  public int status() {
    return status;
  }

  /**
   * The reason phrase.
   *
   * @return what stands behind the status, in ISO-8859-1; may be empty
   */
  public String reason() {
    String line = lines().get(0);
    int space = line.indexOf(' ', line.indexOf(' ') + 1);
    return space < 0 ? "" : line.substring(space + 1);
  }

  /**
   * The first value of a header.
   *
   * @param name its name in any case
   * @return the value without surrounding blanks, in ISO-8859-1; empty if it was not sent
   */
  public Optional<String> header(String name) {
    return headers(name).stream().findFirst();
  }

  /**
   * Every value of a header, one for each line.
   *
   * @param name its name in any case
   * @return the values in order; empty if it was not sent
   */
  public List<String> headers(String name) {
    List<String> values = new ArrayList<>();
    for (String line : lines()) {
      int colon = line.indexOf(':');
      if (colon == name.length() && line.regionMatches(true, 0, name, 0, colon)) {
        values.add(line.substring(colon + 1).strip());
      }
    }
    return values;
  }

  /**
   * The status line and the fields.
   *
   * @return each without its CRLF, the empty line left out
   */
  public List<String> lines() {
    return List.of(new String(head, StandardCharsets.ISO_8859_1).split("\r\n"));
  }
}
