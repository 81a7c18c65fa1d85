// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

/**
 * The head of a server's response (RFC 9112 4, 5), seen by a client. Interim responses (RFC 9110
 * 15.2) before it are skipped; 101 is none of these. What the fields mean is for others to judge.
 *
 * <p>The caller keeps the bytes in an array that grows; the parser remembers how far it has looked.
 * As in {@link HandshakeParser} every verdict depends on the bytes alone, never on how they were
 * cut, and nothing behind a limit is looked at. The limits hold for all heads together.
 */
public final class ResponseParser {
  /** What has become of the response. */
  public enum Result {
    INCOMPLETE,
    COMPLETE,
    /** It breaks the syntax or a limit. */
    MALFORMED
  }

  private static final int SWITCHING_PROTOCOLS = 101;
  private static final int STATUS_LENGTH = 3;

  private final HandshakeLimits limits;
  private int scanned;
  private int lineStart;
  private int headStart;
  private int headEnd;
  private int fieldCount;
  private int status;

  /** Ready for one response. */
  public ResponseParser(HandshakeLimits limits) {
    this.limits = limits;
  }

  /** 100 to 999; once complete. */
  public int status() {
    return status;
  }

  /** Where the head begins, behind interim responses; once complete. */
  public int headStart() {
    return headStart;
  }

  /** Behind the empty line; once complete. */
  public int headEnd() {
    return headEnd;
  }

  /**
   * Looks at the bytes so far, of which earlier calls have seen a prefix. What stands behind the
   * empty line is not looked at. Not to be called again after another result than {@link
   * Result#INCOMPLETE}.
   */
  public Result parse(byte[] head, int length) {
    int visible = Math.min(length, limits.maxHeaderBytes());
    while (scanned < visible) {
      int end = HttpSyntax.indexOf('\n', head, scanned, visible) + 1;
      if (end > visible) {
        break;
      }
      if (!takeLine(head, end - 2)) {
        return Result.MALFORMED;
      }
      scanned = end;
      lineStart = end;
      if (headEnd > 0) {
        return Result.COMPLETE;
      }
    }
    scanned = visible;
    // Another protocol might never send a line feed.
    boolean isOther = lineStart == headStart && !HttpSyntax.beginsHttp1(head, headStart, visible);
    return isOther || visible == limits.maxHeaderBytes() ? Result.MALFORMED : Result.INCOMPLETE;
  }

  /** The line up to its CRLF, which should stand at {@code end}. */
  private boolean takeLine(byte[] head, int end) {
    if (end < lineStart || head[end] != '\r') {
      return false;
    }
    if (lineStart == headStart) {
      return takeStatusLine(head, end);
    }
    if (end > lineStart) {
      fieldCount++;
      return fieldCount <= limits.maxHeaderCount() && HttpSyntax.isField(head, lineStart, end);
    }
    if (status / 100 == 1 && status != SWITCHING_PROTOCOLS) {
      headStart = end + 2;
    } else {
      headEnd = end + 2;
    }
    return true;
  }

  /**
   * {@code HTTP-version SP status-code SP [ reason-phrase ]}, RFC 9112 4; the second blank is
   * missing in what some servers send.
   */
  private boolean takeStatusLine(byte[] head, int end) {
    int code = lineStart + HttpSyntax.VERSION_LENGTH + 1;
    int codeEnd = code + STATUS_LENGTH;
    if (codeEnd > end
        || !HttpSyntax.beginsHttp1(head, lineStart, end)
        || !HttpSyntax.isHttpVersion(head, lineStart, code - 1)
        || head[code - 1] != ' '
        || !HttpSyntax.isNumber(head, code, codeEnd)
        || head[code] == '0') {
      return false;
    }
    status = 0;
    for (int i = code; i < codeEnd; i++) {
      status = 10 * status + head[i] - '0';
    }
    return codeEnd == end || head[codeEnd] == ' ' && HttpSyntax.isFieldValue(head, codeEnd, end);
  }
}
