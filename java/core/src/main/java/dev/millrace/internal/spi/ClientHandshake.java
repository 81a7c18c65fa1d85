// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.UpgradeException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A client's half of one opening handshake (RFC 6455 4.1): what it says, and whether the answer is
 * one to it. The engine has checked the answer's syntax; this is the one place for the rest,
 * whatever the engine.
 */
public final class ClientHandshake {

  private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  private static final int SWITCHING_PROTOCOLS = 101;
  private static final int KEY_BYTES = 16;

  private final String key;
  private final List<String> subprotocols;

  /**
   * A handshake with a key of its own.
   *
   * @param random where the key comes from
   * @param subprotocols what is offered
   */
  public ClientHandshake(SecureRandom random, List<String> subprotocols) {
    byte[] nonce = new byte[KEY_BYTES];
    random.nextBytes(nonce);
    this.key = Base64.getEncoder().encodeToString(nonce);
    this.subprotocols = List.copyOf(subprotocols);
  }

  /**
   * Its lines of the request.
   *
   * @param lines are appended, each with CRLF
   */
  public void appendTo(StringBuilder lines) {
    lines
        .append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ")
        .append(key)
        .append("\r\nSec-WebSocket-Version: 13\r\n");
    if (!subprotocols.isEmpty()) {
      lines
          .append("Sec-WebSocket-Protocol: ")
          .append(String.join(", ", subprotocols))
          .append("\r\n");
    }
  }

  /**
   * Judges an answer; the extensions in it are left to whoever offered them.
   *
   * @param head the answer
   * @return the subprotocol that the server chose, or null
   * @throws UpgradeException if it does not accept this handshake, with the reason
   */
  public @Nullable String judge(ResponseHead head) throws UpgradeException {
    if (head.status() != SWITCHING_PROTOCOLS) {
      throw refused(head, "its status is not 101");
    }
    if (!head.lines().get(0).startsWith("HTTP/1.1 ")) {
      throw refused(head, "it is not HTTP/1.1");
    }
    List<String> upgrade = head.headers("Upgrade");
    if (upgrade.size() != 1 || !upgrade.get(0).equalsIgnoreCase("websocket")) {
      throw refused(head, "Upgrade is not websocket: " + shown(upgrade));
    }
    List<String> connection = head.headers("Connection");
    if (connection.stream().noneMatch(ClientHandshake::saysUpgrade)) {
      throw refused(head, "Connection does not say Upgrade: " + shown(connection));
    }
    List<String> accept = head.headers("Sec-WebSocket-Accept");
    if (accept.size() != 1 || !accept.get(0).equals(acceptOf(key))) {
      throw refused(head, "Sec-WebSocket-Accept does not answer the key: " + shown(accept));
    }
    return subprotocol(head);
  }

  private @Nullable String subprotocol(ResponseHead head) throws UpgradeException {
    List<String> chosen = head.headers("Sec-WebSocket-Protocol");
    if (chosen.isEmpty()) {
      return null;
    }
    if (chosen.size() != 1 || !subprotocols.contains(chosen.get(0))) {
      throw refused(
          head, "subprotocol was not offered: " + shown(chosen) + ", offered=" + subprotocols);
    }
    return chosen.get(0);
  }

  /**
   * An answer that claims to be one but is none.
   *
   * @param head the answer
   * @param why what is wrong with it
   * @return to be thrown
   */
  public static UpgradeException refused(ResponseHead head, String why) {
    return new UpgradeException(
        head.status(), "the server's answer does not accept the handshake: " + why);
  }

  private static boolean saysUpgrade(String value) {
    return Arrays.stream(value.split(",")).anyMatch(t -> t.strip().equalsIgnoreCase("upgrade"));
  }

  private static String shown(List<String> values) {
    return values.isEmpty() ? "there is none" : "value=" + LogText.of(String.join(", ", values));
  }

  private static String acceptOf(String key) {
    try {
      MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
      byte[] digest = sha1.digest((key + GUID).getBytes(StandardCharsets.US_ASCII));
      return Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-1", e);
    }
  }
}
