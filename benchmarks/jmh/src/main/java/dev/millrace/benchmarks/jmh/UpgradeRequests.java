// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

/** Opening handshakes: the example of RFC 6455 1.3, and what a browser sends. */
public enum UpgradeRequests {
  EXAMPLE(
      "GET /chat HTTP/1.1",
      "Host: server.example.com",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Origin: http://example.com",
      "Sec-WebSocket-Protocol: chat, superchat",
      "Sec-WebSocket-Version: 13"),
  BROWSER(
      "GET /market/stream?symbol=MILL&depth=20 HTTP/1.1",
      "Host: market.example.com",
      "Connection: Upgrade",
      "Pragma: no-cache",
      "Cache-Control: no-cache",
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
          + " Chrome/142.0.0.0 Safari/537.36",
      "Upgrade: websocket",
      "Origin: https://market.example.com",
      "Sec-WebSocket-Version: 13",
      "Accept-Encoding: gzip, deflate, br, zstd",
      "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
      "Cookie: session=5f2b7c1e9a604d3f8e7d6c5b4a392817; theme=dark; _ga=GA1.1.1234567890.1700000000",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits");

  private final String head;

  UpgradeRequests(String... lines) {
    head = String.join("\r\n", lines) + "\r\n\r\n";
  }

  byte[] bytes() {
    return head.getBytes(ISO_8859_1);
  }
}
