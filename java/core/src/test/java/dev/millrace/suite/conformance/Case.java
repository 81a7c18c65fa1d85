// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import dev.millrace.suite.Frame;
import dev.millrace.suite.ServerFrame;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * One case of the public RFC 6455 conformance suite, by its number there: what a client writes, and
 * all that may come back.
 */
final class Case {

  /** How a client writes: in one piece, frame by frame, or in pieces of so many bytes. */
  static final int WHOLE = 0;

  static final int BY_FRAME = -1;
  static final int BY_OCTET = 1;

  /** The client closes once everything has come back. */
  private static final int CLEAN = -1;

  /** What is written and what comes back, made anew for each run: the long ones are not kept. */
  record Exchange(List<Frame> frames, List<ServerFrame> answers) {}

  private final String number;
  private final String what;
  private final int pieces;
  private final int closeCode;
  private final Supplier<Exchange> exchange;

  private Case(String number, String what, int pieces, int code, Supplier<Exchange> exchange) {
    this.number = number;
    this.what = what;
    this.pieces = pieces;
    this.closeCode = code;
    this.exchange = exchange;
  }

  static Case of(String number, String what, Supplier<Exchange> exchange) {
    return new Case(number, what, WHOLE, CLEAN, exchange);
  }

  /** Frames to be completed by {@link Draft#answered} or {@link Draft#refused}. */
  static Draft of(String number, String what, Frame... frames) {
    return new Draft(number, what, WHOLE, List.of(frames));
  }

  /** A case without its outcome. */
  record Draft(String number, String what, int pieces, List<Frame> frames) {

    Draft inPieces(int length) {
      return new Draft(number, what, length, frames);
    }

    /**
     * These come back and nothing else; then the client closes with 1000, and so does the server.
     */
    Case answered(ServerFrame... answers) {
      return ends(CLEAN, answers);
    }

    /** These come back, then a Close frame with this code (0: an empty one), then the end. */
    Case closed(int code, ServerFrame... answers) {
      return ends(code, answers);
    }

    private Case ends(int code, ServerFrame... answers) {
      Exchange exchange = new Exchange(frames, List.of(answers));
      return new Case(number, what, pieces, code, () -> exchange);
    }
  }

  Case inPieces(int length) {
    return new Case(number, what, length, closeCode, exchange);
  }

  String number() {
    return number;
  }

  String what() {
    return what;
  }

  /** The section: what stands before the last part of the number. */
  String section() {
    return number.substring(0, number.indexOf('.'));
  }

  Exchange exchange() {
    return exchange.get();
  }

  /** Whether the client begins the closing handshake when all answers are there. */
  boolean endsClean() {
    return closeCode == CLEAN;
  }

  /** The code of the server's Close frame. */
  int closeCode() {
    return endsClean() ? 1000 : closeCode;
  }

  /** Where the case itself cuts its stream, given where its frames end. */
  int[] cuts(int[] frameEnds) {
    int length = frameEnds.length == 0 ? 0 : frameEnds[frameEnds.length - 1];
    return switch (pieces) {
      case WHOLE -> new int[0];
      case BY_FRAME -> IntStream.of(frameEnds).filter(end -> end < length).toArray();
      default -> IntStream.iterate(pieces, cut -> cut < length, cut -> cut + pieces).toArray();
    };
  }

  @Override
  public String toString() {
    return number;
  }
}
