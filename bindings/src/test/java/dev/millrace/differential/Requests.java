// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;

/**
 * Writes opening handshakes: a third of them right, the others wrong in one place or in several.
 */
final class Requests {
  /** The one in front of frames that are what matters. */
  static final byte[] PLAIN =
      ("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
          .getBytes(StandardCharsets.ISO_8859_1);

  private static final String[] TARGETS = {
    "/",
    "/",
    "/room/blue",
    "/room/a%20b?x=1&y",
    "/room/",
    "/room/a/b",
    "/room/%zz",
    "/room/%C3%A4",
    "/room/%FF",
    "/page",
    "/page",
    "/page?x",
    "/nothing",
    "/?",
    "/?no=1",
    "//",
    "/../",
    "/%2f",
    "/a b",
    "/#fragment",
    "*",
    "",
    "?",
    "room",
    "http://localhost/",
    "ws://localhost:80/room/x",
    "HTTP://localhost?x",
    "ftp://localhost/",
    "http:///",
    "localhost:80"
  };

  private static final String[] METHODS = {
    "GET",
    "GET",
    "GET",
    "HEAD",
    "POST",
    "get",
    "CONNECT",
    "OPTIONS",
    "G ET",
    "",
    "GET\t",
    "\u00ffGET"
  };

  private static final String[] VERSIONS = {
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/2.0",
    "HTTP/1.11",
    "http/1.1",
    "HTTP/1.",
    "",
    "HTTPS/1"
  };

  private static final String[] MORE = {
    "Origin: http://localhost",
    "Origin: null",
    "Origin: http://localhost.example",
    "origin: https://localhost",
    "Sec-WebSocket-Protocol: chat",
    "Sec-WebSocket-Protocol: a, chat ,b",
    "Sec-WebSocket-Protocol: ,,",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: +0",
    "Content-Length: 00000000000000000000000000",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding:",
    "Host: other",
    "Host:",
    "Host: [::1]:80",
    "Host: local host",
    "Host: a:65536",
    "Upgrade: h2c",
    "Upgrade: websocket, h2c",
    "Connection: close",
    "Connection: keep-alive,upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Version: 8",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Key: short",
    "Cookie: a=b; c=\u00e9",
    "Expect: 100-continue",
    "X:",
    ": no name",
    "no colon",
    "Name : blank",
    " folded",
    "\tfolded: by tab",
    "X-\u00e4: name",
    "X: tab\tinside",
    "X: bell\u0007"
  };

  private static final String[] LINE_ENDS = {"\n", "\r", "\r\r\n", "\r\n\r\n", "\n\r", " \r\n", ""};

  private SplittableRandom random = new SplittableRandom(0);

  private String pick(String[] values) {
    return values[random.nextInt(values.length)];
  }

  /** Appends one head. */
  void write(SplittableRandom source, Bytes out) {
    random = source;
    int start = out.length();
    int faults = random.nextInt(3);
    boolean strange = random.nextInt(4) == 0;
    String line =
        (strange ? pick(METHODS) : "GET")
            + " "
            + target()
            + " "
            + (strange ? pick(VERSIONS) : "HTTP/1.1");
    List<String> lines = fields();
    for (int i = 0; i < faults; i++) {
      spoil(lines);
    }
    out.put(line).put("\r\n");
    int odd = faults > 0 && random.nextInt(8) == 0 ? random.nextInt(lines.size() + 1) : -1;
    for (int i = 0; i < lines.size(); i++) {
      out.put(lines.get(i)).put(i == odd ? pick(LINE_ENDS) : "\r\n");
    }
    out.put(odd == lines.size() ? pick(LINE_ENDS) : "\r\n");
    if (faults > 0 && random.nextInt(4) == 0) {
      spoil(out, start);
    }
  }

  private String target() {
    return switch (random.nextInt(16)) {
      case 0 -> "/room/" + "x".repeat(random.nextInt(ServedEngine.MAX_REQUEST_LINE + 10));
      case 1, 2, 3, 4, 5, 6, 7 -> pick(TARGETS);
      default -> "/room/" + random.nextInt(1000);
    };
  }

  private List<String> fields() {
    byte[] nonce = new byte[16];
    for (int i = 0; i < nonce.length; i++) {
      nonce[i] = (byte) random.nextInt();
    }
    List<String> lines = new ArrayList<>(8);
    lines.add(name("Host") + (random.nextBoolean() ? "localhost" : "localhost:80"));
    lines.add(name("Upgrade") + (random.nextBoolean() ? "websocket" : "WebSocket"));
    lines.add(name("Connection") + (random.nextBoolean() ? "Upgrade" : "keep-alive, upgrade"));
    lines.add(name("Sec-WebSocket-Key") + Base64.getEncoder().encodeToString(nonce));
    lines.add(name("Sec-WebSocket-Version") + "13");
    if (random.nextInt(8) == 0) {
      lines.subList(1, 5).clear(); // a plain GET
    }
    for (int i = random.nextInt(3); i > 0; i--) {
      // Of the first eight, which alone are well-formed.
      lines.add(random.nextInt(lines.size() + 1), MORE[random.nextInt(8)]);
    }
    if (random.nextInt(4) == 0) {
      Collections.shuffle(lines, new Random(random.nextLong()));
    }
    return lines;
  }

  /** The name in any case, the colon, and any blanks. */
  private String name(String name) {
    String cased =
        switch (random.nextInt(6)) {
          case 0 -> name.toLowerCase(java.util.Locale.ROOT);
          case 1 -> name.toUpperCase(java.util.Locale.ROOT);
          default -> name;
        };
    return cased + (random.nextInt(8) == 0 ? ":\t  " : random.nextInt(8) == 0 ? ":" : ": ");
  }

  private void spoil(List<String> lines) {
    int at = random.nextInt(lines.size() + 1);
    boolean exists = at < lines.size();
    switch (random.nextInt(8)) {
      case 0 -> {
        if (exists && lines.size() > 1) {
          lines.remove(at);
        }
      }
      case 1 -> lines.add(at, lines.get(random.nextInt(lines.size())));
      case 2, 3, 4 -> lines.add(at, pick(MORE));
      case 5 ->
          lines.add(at, "X-Long: " + "x".repeat(random.nextInt(ServedEngine.MAX_HEADER + 10)));
      case 6 -> {
        for (int i = random.nextInt(110); i > 0; i--) {
          lines.add("a:");
        }
      }
      default -> {
        if (exists) {
          StringBuilder line = new StringBuilder(lines.get(at));
          line.setCharAt(random.nextInt(line.length()), (char) random.nextInt(256));
          lines.set(at, line.toString());
        }
      }
    }
  }

  private void spoil(Bytes out, int start) {
    int at = random.nextInt(start, out.length());
    switch (random.nextInt(4)) {
      case 0 -> out.set(at, out.at(at) ^ 1 << random.nextInt(8));
      case 1 -> out.remove(at, out.length());
      case 2 -> out.remove(at, Math.min(out.length(), at + random.nextInt(1, 9)));
      default -> out.insert(at, "\0\r\n :\u007f".charAt(random.nextInt(6)));
    }
  }
}
