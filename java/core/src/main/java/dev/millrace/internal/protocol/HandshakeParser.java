// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * The server's side of the opening handshake (RFC 6455 4.2). The caller keeps the bytes of one
 * request in an array that grows; the parser remembers how far it has looked.
 *
 * <p>The head is taken line by line. Bytes of an unfinished line are only searched for its end; a
 * line is judged once, when it is complete; no line is looked at again. So every byte is seen at
 * most twice, and every verdict depends on the bytes alone, never on how they were cut: a limit is
 * reached at the same byte whether the line behind it is known or not.
 */
public final class HandshakeParser {
  /** What has become of the request. */
  public enum Result {
    INCOMPLETE,
    COMPLETE,
    REFUSED
  }

  /** What a well-formed request asks for. */
  public enum Kind {
    /** A WebSocket upgrade that meets RFC 6455 4.2.1. */
    UPGRADE,
    /** A plain GET without a body. */
    GET,
    /** A plain HEAD without a body. */
    HEAD
  }

  private static final int KEY_LENGTH = 24;
  private static final int NONCE_LENGTH = 16;

  private final HandshakeLimits limits;
  private final int relaxed;
  private int scanned;
  private int lineStart;
  private int fieldCount;

  private boolean isHead;
  private boolean hasHost;
  private boolean hasOrigin;
  private boolean hasVersion;
  private boolean isVersion13;
  private boolean hasContentLength;
  private boolean upgradesToWebSocket;
  private boolean connectionUpgrades;
  private int keyStart = -1;
  private int keyEnd;

  private Kind kind = Kind.GET;
  private int headLength;
  private @Nullable Refusal refusal;

  /**
   * Ready for one request.
   *
   * @param relaxed rules that are not enforced, of {@link Relaxed}
   */
  public HandshakeParser(HandshakeLimits limits, int relaxed) {
    this.limits = limits;
    this.relaxed = relaxed;
  }

  /** What is asked for; once complete. */
  public Kind kind() {
    return kind;
  }

  /** Bytes up to and with the empty line; once complete. */
  public int headLength() {
    return headLength;
  }

  /** Why it is refused; null unless it is. */
  public @Nullable Refusal refusal() {
    return refusal;
  }

  /** The key of an upgrade that is complete. */
  public String key(byte[] head) {
    return new String(head, keyStart, keyEnd - keyStart, StandardCharsets.US_ASCII);
  }

  /**
   * Looks at the bytes so far, of which earlier calls have seen a prefix. What stands behind the
   * empty line is not looked at. Not to be called again after another result than {@link
   * Result#INCOMPLETE}.
   */
  public Result parse(byte[] head, int length) {
    if (length == 0) {
      return Result.INCOMPLETE;
    }
    // Another protocol, most often TLS, might never send a line feed.
    if (scanned == 0 && !HttpSyntax.isTokenCharacter(head[0])) {
      return refuse(Refusal.NOT_HTTP);
    }
    // Nothing behind the limit is looked at: where both limits are passed, the smaller one is met
    // first, however the bytes were cut.
    int visible = Math.min(length, limits.maxHeaderBytes());
    while (scanned < visible) {
      int end = HttpSyntax.indexOf('\n', head, scanned, visible) + 1;
      if (end > visible) {
        break;
      }
      Refusal reason = takeLine(head, end);
      if (reason != null) {
        return refuse(reason);
      }
      if (headLength > 0) {
        return Result.COMPLETE;
      }
      scanned = end;
      lineStart = end;
    }
    scanned = visible;
    // The line can end with the next byte at the earliest.
    Refusal reason = overLimit(visible + 1);
    return reason == null ? Result.INCOMPLETE : refuse(reason);
  }

  private Result refuse(Refusal reason) {
    refusal = reason;
    return Result.REFUSED;
  }

  private @Nullable Refusal overLimit(int lineEnd) {
    if (lineStart == 0 && lineEnd > limits.maxRequestLine() + 2) {
      return Refusal.LONG_REQUEST_LINE;
    }
    return lineEnd > limits.maxHeaderBytes() ? Refusal.LONG_HEAD : null;
  }

  /** The line that ends before {@code end}, with its line feed. */
  private @Nullable Refusal takeLine(byte[] head, int end) {
    Refusal reason = overLimit(end);
    if (reason != null) {
      return reason;
    }
    int textEnd = end - 2;
    if (textEnd < lineStart || head[textEnd] != '\r') {
      return Refusal.BARE_LINE_FEED;
    }
    if (textEnd == lineStart) {
      headLength = end;
      return judge(head);
    }
    if (lineStart == 0) {
      return takeRequestLine(head, textEnd);
    }
    if (fieldCount == limits.maxHeaderCount()) {
      return Refusal.MANY_FIELDS;
    }
    fieldCount++;
    return takeField(head, lineStart, textEnd);
  }

  /** {@code method SP request-target SP HTTP-version}, RFC 9112 3. */
  private @Nullable Refusal takeRequestLine(byte[] head, int end) {
    int first = HttpSyntax.indexOf(' ', head, 0, end);
    int second = first == end ? end : HttpSyntax.indexOf(' ', head, first + 1, end);
    if (second == end
        || !HttpSyntax.isToken(head, 0, first)
        || !HttpSyntax.isHttpVersion(head, second + 1, end)) {
      return Refusal.REQUEST_LINE;
    }
    if (!HttpSyntax.isHttp11(head, second + 1, end)) {
      return Refusal.HTTP_VERSION;
    }
    isHead = HttpSyntax.equals(head, 0, first, "HEAD");
    if (!isHead && !HttpSyntax.equals(head, 0, first, "GET")) {
      return Refusal.METHOD;
    }
    return HttpSyntax.isRequestTarget(head, first + 1, second) ? null : Refusal.TARGET;
  }

  private @Nullable Refusal takeField(byte[] head, int start, int end) {
    if (HttpSyntax.isBlank(head[start])) {
      return Refusal.FOLDING;
    }
    int colon = HttpSyntax.indexOf(':', head, start, end);
    if (colon == end || !HttpSyntax.isToken(head, start, colon)) {
      return Refusal.FIELD_NAME;
    }
    if (!HttpSyntax.isFieldValue(head, colon + 1, end)) {
      return Refusal.FIELD_VALUE;
    }
    int from = colon + 1;
    int to = end;
    while (from < to && HttpSyntax.isBlank(head[from])) {
      from++;
    }
    while (to > from && HttpSyntax.isBlank(head[to - 1])) {
      to--;
    }
    return takeValue(head, start, colon, from, to);
  }

  private @Nullable Refusal takeValue(byte[] head, int name, int nameEnd, int from, int to) {
    // The length first: most fields are none of these.
    switch (nameEnd - name) {
      case 4:
        return is(head, name, nameEnd, "host") ? takeHost(head, from, to) : null;
      case 6:
        return is(head, name, nameEnd, "origin") ? takeOrigin() : null;
      case 7:
        // This one and Connection are lists: their elements may come in one field or in several
        // (RFC 9110 5.3).
        if (is(head, name, nameEnd, "upgrade")) {
          upgradesToWebSocket |= HttpSyntax.listContains(head, from, to, "websocket");
        }
        return null;
      case 10:
        if (is(head, name, nameEnd, "connection")) {
          connectionUpgrades |= HttpSyntax.listContains(head, from, to, "upgrade");
        }
        return null;
      case 14:
        return is(head, name, nameEnd, "content-length") ? takeContentLength(head, from, to) : null;
      case 17:
        if (is(head, name, nameEnd, "sec-websocket-key")) {
          return takeKey(from, to);
        }
        return is(head, name, nameEnd, "transfer-encoding") ? Refusal.BODY : null;
      case 21:
        return is(head, name, nameEnd, "sec-websocket-version")
            ? takeVersion(head, from, to)
            : null;
      default:
        return null;
    }
  }

  private static boolean is(byte[] head, int name, int nameEnd, String lower) {
    return HttpSyntax.equalsIgnoringCase(head, name, nameEnd, lower);
  }

  private @Nullable Refusal takeHost(byte[] head, int from, int to) {
    if (hasHost) {
      return Refusal.REPEATED_HOST;
    }
    hasHost = true;
    return HttpSyntax.isHost(head, from, to) ? null : Refusal.BAD_HOST;
  }

  private @Nullable Refusal takeOrigin() {
    if (hasOrigin) {
      return Refusal.REPEATED_ORIGIN;
    }
    hasOrigin = true;
    return null;
  }

  /** No body may follow: frames or the next request would be read out of it (smuggling). */
  private @Nullable Refusal takeContentLength(byte[] head, int from, int to) {
    if (hasContentLength) {
      return Refusal.REPEATED_CONTENT_LENGTH;
    }
    hasContentLength = true;
    if (!HttpSyntax.isNumber(head, from, to)) {
      return Refusal.BAD_CONTENT_LENGTH;
    }
    for (int i = from; i < to; i++) {
      if (head[i] != '0') {
        return Refusal.BODY;
      }
    }
    return null;
  }

  private @Nullable Refusal takeKey(int from, int to) {
    if (keyStart >= 0) {
      return Refusal.REPEATED_KEY;
    }
    keyStart = from;
    keyEnd = to;
    return null;
  }

  private @Nullable Refusal takeVersion(byte[] head, int from, int to) {
    if (hasVersion) {
      return Refusal.REPEATED_VERSION;
    }
    hasVersion = true;
    isVersion13 = HttpSyntax.equals(head, from, to, "13");
    return null;
  }

  /** What only the whole head tells, RFC 6455 4.2.1. */
  private @Nullable Refusal judge(byte[] head) {
    kind = isHead ? Kind.HEAD : Kind.GET;
    // One WebSocket field is an attempt: to answer it as a plain GET would hide the client's
    // mistake.
    boolean isAttempt = upgradesToWebSocket || keyStart >= 0 || hasVersion;
    if (!hasHost && !(isAttempt && isRelaxed(Relaxed.HOST_HEADER))) {
      return Refusal.NO_HOST;
    }
    if (!isAttempt) {
      return null;
    }
    if (isHead) {
      return Refusal.UPGRADE_METHOD;
    }
    if (!upgradesToWebSocket) {
      return Refusal.NO_UPGRADE;
    }
    if (!connectionUpgrades && !isRelaxed(Relaxed.CONNECTION_HEADER)) {
      return Refusal.NO_CONNECTION;
    }
    // Before the key: another version may have another key (RFC 6455 4.4).
    if (!isVersion13 && !isRelaxed(Relaxed.VERSION)) {
      return Refusal.WEBSOCKET_VERSION;
    }
    if (keyStart < 0) {
      return Refusal.NO_KEY;
    }
    if (!isKey(head)) {
      return Refusal.BAD_KEY;
    }
    kind = Kind.UPGRADE;
    return null;
  }

  private boolean isRelaxed(int rule) {
    return Relaxed.contains(relaxed, rule);
  }

  /** Base64 of 16 bytes in its one canonical form, RFC 6455 4.2.1, RFC 4648 3.5. */
  private boolean isKey(byte[] head) {
    if (keyEnd - keyStart != KEY_LENGTH) {
      return false;
    }
    String key = key(head);
    try {
      byte[] nonce = Base64.getDecoder().decode(key);
      return nonce.length == NONCE_LENGTH && Base64.getEncoder().encodeToString(nonce).equals(key);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }
}
