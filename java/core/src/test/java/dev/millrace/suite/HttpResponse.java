// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** A response head and the body that its Content-Length announces. */
public record HttpResponse(int status, Map<String, String> headers, byte[] body) {

  public String header(String name) {
    return headers.getOrDefault(name, "");
  }

  public String text() {
    return new String(body, StandardCharsets.UTF_8);
  }

  /** Reads byte by byte, so that what follows a 101 stays in the stream. */
  static HttpResponse read(InputStream in, boolean withBody) throws IOException {
    String[] lines = readHead(in).split("\r\n");
    if (!lines[0].matches("HTTP/1\\.1 [1-5][0-9][0-9] .*")) {
      throw new AssertionError("not a status line: " + lines[0]);
    }
    Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    for (int i = 1; i < lines.length; i++) {
      int colon = lines[i].indexOf(':');
      String name = lines[i].substring(0, colon);
      String earlier = headers.put(name, lines[i].substring(colon + 1).trim());
      if (earlier != null) {
        throw new AssertionError("header repeated in the response: " + name);
      }
    }
    int status = Integer.parseInt(lines[0].substring(9, 12));
    int length = withBody ? Integer.parseInt(headers.getOrDefault("Content-Length", "0")) : 0;
    byte[] body = in.readNBytes(length);
    if (body.length != length) {
      throw new EOFException("body ends after " + body.length + " of " + length + " bytes");
    }
    return new HttpResponse(status, headers, body);
  }

  private static String readHead(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    int state = 0;
    while (state < 4) {
      int next = in.read();
      if (next < 0) {
        throw new EOFException("response ends after " + head.size() + " bytes: " + head);
      }
      head.write(next);
      boolean wanted = next == (state % 2 == 0 ? '\r' : '\n');
      state = wanted ? state + 1 : next == '\r' ? 1 : 0;
    }
    return head.toString(StandardCharsets.ISO_8859_1);
  }
}
