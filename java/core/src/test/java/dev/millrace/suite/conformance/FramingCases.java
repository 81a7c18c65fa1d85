// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static dev.millrace.suite.conformance.Case.BY_FRAME;
import static dev.millrace.suite.conformance.Case.BY_OCTET;
import static dev.millrace.suite.conformance.Case.WHOLE;
import static dev.millrace.suite.conformance.Cases.continuation;
import static dev.millrace.suite.conformance.Cases.hex;
import static dev.millrace.suite.conformance.Cases.pong;
import static dev.millrace.suite.conformance.Cases.repeat;
import static dev.millrace.suite.conformance.Cases.text;
import static dev.millrace.suite.conformance.Cases.utf8;

import dev.millrace.CloseCode;
import dev.millrace.suite.Frame;
import dev.millrace.suite.ServerFrame;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Sections 1 to 5: lengths, pings and pongs, reserved bits, opcodes, fragmentation. */
final class FramingCases {

  private static final String HELLO = "Hello, world!";
  private static final byte[] NOT_UTF8 = hex("00 ff fe fd fc fb 00 ff");
  private static final byte[] NONE = {};
  private static final int ERROR = CloseCode.PROTOCOL_ERROR;

  private FramingCases() {}

  static List<Case> all() {
    List<Case> cases = new ArrayList<>();
    addLengths(cases);
    addPings(cases);
    addUnaskedPongs(cases);
    addReservedBits(cases);
    addReservedOpcodes(cases, "4.1.", 3);
    addReservedOpcodes(cases, "4.2.", 11);
    addFragmentedControlFrames(cases);
    addFragmentedMessages(cases);
    addNothingToContinue(cases);
    addInterruptedMessages(cases);
    return cases;
  }

  private static void addLengths(List<Case> cases) {
    int[] lengths = {0, 125, 126, 127, 128, 65_535, 65_536};
    for (int i = 0; i < lengths.length; i++) {
      cases.add(ofLength("1.1." + (i + 1), "text", Frame.TEXT, repeat('*', lengths[i]), WHOLE));
    }
    cases.add(ofLength("1.1.8", "text", Frame.TEXT, repeat('*', 65_536), 997));
    for (int i = 0; i < lengths.length; i++) {
      cases.add(
          ofLength("1.2." + (i + 1), "binary", Frame.BINARY, repeat(0xFE, lengths[i]), WHOLE));
    }
    cases.add(ofLength("1.2.8", "binary", Frame.BINARY, repeat(0xFE, 65_536), 997));
  }

  private static Case ofLength(String number, String kind, int opcode, byte[] payload, int pieces) {
    String what = kind + " of " + payload.length + " bytes";
    return Case.of(number, pieces == WHOLE ? what : what + in(pieces), Frame.of(opcode, payload))
        .inPieces(pieces)
        .answered(new ServerFrame(true, opcode, payload));
  }

  private static String in(int pieces) {
    return switch (pieces) {
      case WHOLE -> "";
      case BY_FRAME -> ", frame by frame";
      case BY_OCTET -> ", byte by byte";
      default -> ", in pieces of " + pieces;
    };
  }

  private static void addPings(List<Case> cases) {
    byte[] longest = repeat(0xFE, 125);
    cases.add(Case.of("2.1", "ping without payload", Frame.ping("")).answered(pong("")));
    cases.add(Case.of("2.2", "ping with text", Frame.ping(HELLO)).answered(pong(HELLO)));
    cases.add(
        Case.of("2.3", "ping with bytes that are not UTF-8", Frame.of(Frame.PING, NOT_UTF8))
            .answered(pong(NOT_UTF8)));
    cases.add(
        Case.of("2.4", "ping of 125 bytes", Frame.of(Frame.PING, longest)).answered(pong(longest)));
    cases.add(
        Case.of("2.5", "ping of 126 bytes", Frame.of(Frame.PING, repeat(0xFE, 126))).closed(ERROR));
    cases.add(
        Case.of("2.6", "ping of 125 bytes, byte by byte", Frame.of(Frame.PING, longest))
            .inPieces(BY_OCTET)
            .answered(pong(longest)));
  }

  private static void addUnaskedPongs(List<Case> cases) {
    String unasked = "unsolicited pong payload";
    cases.add(Case.of("2.7", "pong nobody asked for, without payload", Frame.pong("")).answered());
    cases.add(
        Case.of("2.8", "pong nobody asked for, with payload", Frame.pong(unasked)).answered());
    cases.add(
        Case.of(
                "2.9",
                "pong nobody asked for, then a ping",
                Frame.pong(unasked),
                Frame.ping("ping payload"))
            .answered(pong("ping payload")));
    Frame[] pings = tenPayloads().map(Frame::ping).toArray(Frame[]::new);
    ServerFrame[] pongs = tenPayloads().map(Cases::pong).toArray(ServerFrame[]::new);
    cases.add(Case.of("2.10", "ten pings in one piece, ten pongs", pings).answered(pongs));
    cases.add(
        Case.of("2.11", "ten pings, byte by byte, ten pongs", pings)
            .inPieces(BY_OCTET)
            .answered(pongs));
  }

  private static Stream<String> tenPayloads() {
    return IntStream.range(0, 10).mapToObj(number -> "payload-" + number);
  }

  private static void addReservedBits(List<Case> cases) {
    cases.add(
        Case.of("3.1", "text with RSV 1", Frame.text(HELLO).withReservedBits(1)).closed(ERROR));
    int[] pieces = {WHOLE, BY_FRAME, BY_OCTET};
    for (int bits = 2; bits <= 4; bits++) {
      cases.add(
          Case.of(
                  "3." + bits,
                  "text, then text with RSV " + bits + ", then a ping" + in(pieces[bits - 2]),
                  Frame.text(HELLO),
                  Frame.text(HELLO).withReservedBits(bits),
                  Frame.ping(""))
              .inPieces(pieces[bits - 2])
              .closed(ERROR, text(HELLO)));
    }
    cases.add(
        Case.of("3.5", "binary with RSV 5", Frame.binary(NOT_UTF8).withReservedBits(5))
            .closed(ERROR));
    cases.add(
        Case.of("3.6", "ping with RSV 6", Frame.ping(HELLO).withReservedBits(6)).closed(ERROR));
    cases.add(Case.of("3.7", "close with RSV 7", Frame.close().withReservedBits(7)).closed(ERROR));
  }

  /** Five opcodes: alone, alone with a payload, and three between a text and a ping. */
  private static void addReservedOpcodes(List<Case> cases, String section, int first) {
    cases.add(Case.of(section + 1, "opcode " + first, Frame.of(first, NONE)).closed(ERROR));
    cases.add(
        Case.of(
                section + 2,
                "opcode " + (first + 1) + " with payload",
                Frame.of(first + 1, utf8("reserved opcode payload")))
            .closed(ERROR));
    for (int i = 2; i <= 4; i++) {
      int pieces = i == 4 ? BY_OCTET : WHOLE;
      String with = i == 2 ? "" : " with payload";
      cases.add(
          Case.of(
                  section + (i + 1),
                  "text, then opcode " + (first + i) + with + ", then a ping" + in(pieces),
                  Frame.text(HELLO),
                  Frame.of(first + i, i == 2 ? NONE : utf8(HELLO)),
                  Frame.ping(""))
              .inPieces(pieces)
              .closed(ERROR, text(HELLO)));
    }
  }

  private static void addFragmentedControlFrames(List<Case> cases) {
    cases.add(
        Case.of(
                "5.1",
                "ping in two fragments",
                Frame.ping("fragment1").unfinished(),
                continuation("fragment2"))
            .closed(ERROR));
    cases.add(
        Case.of(
                "5.2",
                "pong in two fragments",
                Frame.pong("fragment1").unfinished(),
                continuation("fragment2"))
            .closed(ERROR));
  }

  private static void addFragmentedMessages(List<Case> cases) {
    int[] pieces = {WHOLE, BY_FRAME, BY_OCTET};
    for (int i = 0; i < pieces.length; i++) {
      cases.add(
          Case.of(
                  "5." + (3 + i),
                  "text in two fragments" + in(pieces[i]),
                  Frame.text("fragment1").unfinished(),
                  continuation("fragment2"))
              .inPieces(pieces[i])
              .answered(text("fragment1fragment2")));
    }
    for (int i = 0; i < pieces.length; i++) {
      cases.add(
          Case.of(
                  "5." + (6 + i),
                  "text in two fragments, a ping between them" + in(pieces[i]),
                  Frame.text("fragment1").unfinished(),
                  Frame.ping("ping payload"),
                  continuation("fragment2"))
              .inPieces(pieces[i])
              .answered(pong("ping payload"), text("fragment1fragment2")));
    }
  }

  private static void addNothingToContinue(List<Case> cases) {
    int[] pieces = {WHOLE, BY_FRAME, BY_OCTET};
    for (int i = 0; i < pieces.length; i++) {
      cases.add(
          Case.of(
                  "5." + (9 + i),
                  "continuation of nothing, then text" + in(pieces[i]),
                  continuation("non-continuation payload"),
                  Frame.text(HELLO))
              .inPieces(pieces[i])
              .closed(ERROR));
    }
    for (int i = 0; i < pieces.length; i++) {
      cases.add(
          Case.of(
                  "5." + (12 + i),
                  "unfinished continuation of nothing, then text" + in(pieces[i]),
                  continuation("non-continuation payload").unfinished(),
                  Frame.text(HELLO))
              .inPieces(pieces[i])
              .closed(ERROR));
    }
    cases.add(
        Case.of(
                "5.15",
                "text in two fragments, then an unfinished continuation of nothing, then text",
                Frame.text("fragment1").unfinished(),
                continuation("fragment2"),
                continuation("fragment3").unfinished(),
                Frame.text("fragment4"))
            .closed(ERROR, text("fragment1fragment2")));
    cases.add(
        Case.of(
                "5.16",
                "unfinished continuation of nothing, then text in two fragments; twice",
                twice(continuation("fragment1").unfinished()))
            .closed(ERROR));
    cases.add(
        Case.of(
                "5.17",
                "continuation of nothing, then text in two fragments; twice",
                twice(continuation("fragment1")))
            .closed(ERROR));
  }

  private static Frame[] twice(Frame first) {
    Frame text = Frame.text("fragment2").unfinished();
    Frame last = continuation("fragment3");
    return new Frame[] {first, text, last, first, text, last};
  }

  private static void addInterruptedMessages(List<Case> cases) {
    cases.add(
        Case.of(
                "5.18",
                "text in two fragments, both with opcode text",
                Frame.text("fragment1").unfinished(),
                Frame.text("fragment2"))
            .closed(ERROR));
    for (int i = 0; i < 2; i++) {
      int pieces = i == 0 ? WHOLE : BY_FRAME;
      cases.add(
          Case.of(
                  "5." + (19 + i),
                  "text in five fragments, two pings among them" + in(pieces),
                  Frame.text("fragment1").unfinished(),
                  continuation("fragment2").unfinished(),
                  Frame.ping("pongme 1!"),
                  continuation("fragment3").unfinished(),
                  continuation("fragment4").unfinished(),
                  Frame.ping("pongme 2!"),
                  continuation("fragment5"))
              .inPieces(pieces)
              .answered(
                  pong("pongme 1!"),
                  pong("pongme 2!"),
                  text("fragment1fragment2fragment3fragment4fragment5")));
    }
  }
}
