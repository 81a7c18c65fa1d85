// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/** The text of an opening handshake (RFC 6455 4.1), correct until a test spoils it. */
public final class UpgradeRequestText {

  /** The key of RFC 6455 1.3. */
  public static final String KEY = "dGhlIHNhbXBsZSBub25jZQ==";

  private final Map<String, String> fields = new LinkedHashMap<>();
  private String requestLine;

  private UpgradeRequestText(String target) {
    requestLine = "GET " + target + " HTTP/1.1";
    fields.put("Host", "localhost");
    fields.put("Upgrade", "websocket");
    fields.put("Connection", "Upgrade");
    fields.put("Sec-WebSocket-Key", KEY);
    fields.put("Sec-WebSocket-Version", "13");
  }

  public static UpgradeRequestText to(String target) {
    return new UpgradeRequestText(target);
  }

  public UpgradeRequestText requestLine(String line) {
    requestLine = line;
    return this;
  }

  /** Sets a field, in place of the one before. */
  public UpgradeRequestText with(String name, String value) {
    fields.put(name, value);
    return this;
  }

  public UpgradeRequestText without(String name) {
    fields.remove(name);
    return this;
  }

  public byte[] bytes() {
    StringBuilder text = new StringBuilder(requestLine).append("\r\n");
    fields.forEach((name, value) -> text.append(name + ": " + value + "\r\n"));
    return text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  /** What a server must answer to a key (RFC 6455 4.2.2). */
  public static String accept(String key) {
    try {
      byte[] text = (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.UTF_8);
      return Base64.getEncoder().encodeToString(MessageDigest.getInstance("SHA-1").digest(text));
    } catch (NoSuchAlgorithmException everyJdkHasIt) {
      throw new AssertionError(everyJdkHasIt);
    }
  }
}
