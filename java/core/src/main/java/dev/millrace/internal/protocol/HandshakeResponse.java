// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

/** What a server answers to an opening handshake. */
public final class HandshakeResponse {
  private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

  private HandshakeResponse() {}

  /** {@code Sec-WebSocket-Accept} for a key (RFC 6455 4.2.2). */
  public static String acceptKey(String key) {
    try {
      MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
      byte[] digest = sha1.digest((key + GUID).getBytes(StandardCharsets.US_ASCII));
      return Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-1", e);
    }
  }

  /**
   * The 101 response.
   *
   * @param headerLines further lines, each with CRLF, in ISO-8859-1; may be empty
   */
  public static byte[] accept(String key, String headerLines) {
    String response =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: "
            + acceptKey(key)
            + "\r\n"
            + headerLines
            + "\r\n";
    return response.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** A complete response that refuses. */
  public static byte[] refuse(Refusal refusal) {
    String sentence = refusal.sentence();
    String response =
        "HTTP/1.1 "
            + refusal.status()
            + " "
            + reasonPhrase(refusal.status())
            + "\r\n"
            + fields(refusal.status())
            + "Content-Type: text/plain; charset=utf-8\r\nContent-Length: "
            + sentence.length()
            + "\r\n\r\n"
            + sentence;
    return response.getBytes(StandardCharsets.US_ASCII);
  }

  private static String reasonPhrase(int status) {
    return switch (status) {
      case 400 -> "Bad Request";
      case 405 -> "Method Not Allowed";
      case 414 -> "URI Too Long";
      case 426 -> "Upgrade Required";
      case 431 -> "Request Header Fields Too Large";
      case 505 -> "HTTP Version Not Supported";
      default -> throw new IllegalArgumentException("no phrase: status=" + status);
    };
  }

  /** The fields that a status obliges us to send. */
  private static String fields(int status) {
    return switch (status) {
      case 405 -> "Connection: close\r\nAllow: GET, HEAD\r\n"; // RFC 9110 15.5.6
      case 426 -> // RFC 9110 15.5.22 and 7.8, RFC 6455 4.4
          "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
      default -> "Connection: close\r\n";
    };
  }
}
