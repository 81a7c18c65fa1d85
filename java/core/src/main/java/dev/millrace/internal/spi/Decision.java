// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Handler;
import dev.millrace.Handshake;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** What a request becomes. */
public sealed interface Decision {

  /**
   * The upgrade is accepted with 101.
   *
   * @param handler what serves the connection
   * @param handshake what is kept of the request, attributes and subprotocol included
   * @param headerLines further lines of the response, each complete with CRLF, in ISO-8859-1; may
   *     be empty; the subprotocol's line is among them
   * @param executor where the handler runs; null for the loop thread
   * @param deflate how messages are compressed; null if that was not agreed on. The extension's
   *     line is among the header lines
   */
  record Accept(
      Handler handler,
      Handshake handshake,
      String headerLines,
      @Nullable Executor executor,
      @Nullable DeflateParameters deflate)
      implements Decision {

    /** The most bytes of further header lines. */
    public static final int MAX_HEADER_LINES = 16 << 10;

    /**
     * Checks that the lines cannot be mistaken for anything else (response splitting).
     *
     * @throws IllegalArgumentException if the lines are too long, hold a stray CR, LF or NUL, an
     *     empty line, or a character outside ISO-8859-1
     */
    public Accept {
      Objects.requireNonNull(handler, "handler");
      Objects.requireNonNull(handshake, "handshake");
      requireLines(headerLines);
    }

    /** As the record's constructor, for a handler on the loop thread and no compression. */
    public Accept(Handler handler, Handshake handshake, String headerLines) {
      this(handler, handshake, headerLines, null, null);
    }

    private static void requireLines(String lines) {
      if (lines.length() > MAX_HEADER_LINES) {
        throw new IllegalArgumentException(
            "header lines too long: length=" + lines.length() + ", limit=" + MAX_HEADER_LINES);
      }
      for (int start = 0; start < lines.length(); ) {
        int end = lines.indexOf("\r\n", start);
        if (end <= start) {
          throw new IllegalArgumentException("header line empty or not ended: offset=" + start);
        }
        for (int i = start; i < end; i++) {
          char c = lines.charAt(i);
          if (c == '\r' || c == '\n' || c == 0 || c > 0xFF) {
            throw new IllegalArgumentException(
                "character not allowed in a header line: offset=" + i + ", character=" + (int) c);
          }
        }
        start = end + 2;
      }
    }
  }

  /**
   * The answer comes later. Reads rest until then, and the handshake's deadline is this one's. When
   * the connection ends before, the engine calls {@link #abandon} and the decision comes to
   * nothing.
   *
   * @param decision completes, on any thread, with {@link Accept} or {@link Respond}; never fails
   * @param deadline how long the engine waits from now
   * @param late the answer after that
   * @param abandon gives up what was counted for the request; called at most once, in place of an
   *     answer: after the deadline, or when the connection has ended. Any thread
   */
  record Later(
      CompletionStage<Decision> decision, Duration deadline, Respond late, Runnable abandon)
      implements Decision {

    /** Checks that all is there. */
    public Later {
      Objects.requireNonNull(decision, "decision");
      Objects.requireNonNull(deadline, "deadline");
      Objects.requireNonNull(late, "late");
      Objects.requireNonNull(abandon, "abandon");
    }
  }

  /**
   * The request is answered and the connection ends.
   *
   * @param response a complete HTTP/1.1 response with {@code Content-Length} and {@code Connection:
   *     close}, from position to limit; direct or on the heap, of any length
   */
  record Respond(ByteBuffer response) implements Decision {

    /** Checks that there is a response. */
    public Respond {
      Objects.requireNonNull(response, "response");
    }
  }
}
