// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Builds complete HTTP/1.1 responses, each the last of its connection. */
final class Responses {

  static final String PLAIN_TEXT = "text/plain; charset=utf-8";

  private static final Map<Integer, String> REASONS =
      Map.ofEntries(
          Map.entry(200, "OK"),
          Map.entry(301, "Moved Permanently"),
          Map.entry(302, "Found"),
          Map.entry(307, "Temporary Redirect"),
          Map.entry(308, "Permanent Redirect"),
          Map.entry(400, "Bad Request"),
          Map.entry(401, "Unauthorized"),
          Map.entry(403, "Forbidden"),
          Map.entry(404, "Not Found"),
          Map.entry(409, "Conflict"),
          Map.entry(410, "Gone"),
          Map.entry(426, "Upgrade Required"),
          Map.entry(429, "Too Many Requests"),
          Map.entry(500, "Internal Server Error"),
          Map.entry(503, "Service Unavailable"));

  private Responses() {}

  /** A response with a sentence as its body. */
  static ByteBuffer text(int status, String sentence, Map<String, String> headers, boolean body) {
    byte[] bytes = (sentence + "\n").getBytes(StandardCharsets.UTF_8);
    return build(status, PLAIN_TEXT, bytes, headers, body);
  }

  /**
   * A response of any kind.
   *
   * @param body false for the answer to HEAD: the length is told, the bytes are left out
   */
  static ByteBuffer build(
      int status, String contentType, byte[] bytes, Map<String, String> headers, boolean body) {
    StringBuilder head = new StringBuilder(192);
    head.append("HTTP/1.1 ").append(status).append(' ').append(reason(status)).append("\r\n");
    line(head, "Content-Type", contentType);
    line(head, "Content-Length", Integer.toString(bytes.length));
    line(head, "Connection", status == 426 ? "Upgrade, close" : "close");
    line(head, "X-Content-Type-Options", "nosniff");
    headers.forEach((name, value) -> line(head, name, value));
    head.append("\r\n");
    byte[] headBytes = head.toString().getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer response = ByteBuffer.allocate(headBytes.length + (body ? bytes.length : 0));
    response.put(headBytes);
    if (body) {
      response.put(bytes);
    }
    return response.flip();
  }

  /** Adds one complete header line. */
  static void line(StringBuilder head, String name, String value) {
    head.append(name).append(": ").append(value).append("\r\n");
  }

  /** Text is UTF-8, and says so; what names its own charset is left alone. */
  static String withCharset(String contentType) {
    boolean text =
        contentType.startsWith("text/")
            || contentType.startsWith("application/json")
            || contentType.startsWith("application/javascript")
            || contentType.startsWith("image/svg+xml");
    return text && !contentType.contains("charset=")
        ? contentType + "; charset=utf-8"
        : contentType;
  }

  // The phrase means nothing to software (RFC 9112 4), so that a class of them is enough.
  private static String reason(int status) {
    return REASONS.getOrDefault(
        status, status < 400 ? "Redirect" : status < 500 ? "Client Error" : "Server Error");
  }
}
