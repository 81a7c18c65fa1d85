// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import dev.millrace.suite.Frame;
import dev.millrace.suite.Seed;
import dev.millrace.suite.ServerFrame;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Sections 9 and 10: long messages, many fragments, many pieces. No time is looked at; every byte
 * is compared, so the payloads have no period that a lost block could hide in.
 */
final class LimitCases {

  private static final int KIBI = 1 << 10;
  private static final int MEBI = 1 << 20;

  /** The public suite sends a thousand, to measure time. */
  private static final int ROUND_TRIPS = 50;

  private LimitCases() {}

  static List<Case> all() {
    List<Case> cases = new ArrayList<>();
    int[] lengths = {64 * KIBI, 256 * KIBI, MEBI, 4 * MEBI, 8 * MEBI, 16 * MEBI};
    for (int i = 0; i < lengths.length; i++) {
      cases.add(whole("9.1." + (i + 1), Frame.TEXT, lengths[i]));
    }
    for (int i = 0; i < lengths.length; i++) {
      cases.add(whole("9.2." + (i + 1), Frame.BINARY, lengths[i]));
    }
    for (int i = 0; i < 9; i++) {
      cases.add(fragmented("9.3." + (i + 1), Frame.TEXT, 4 * MEBI, 64 << 2 * i));
    }
    for (int i = 0; i < 9; i++) {
      cases.add(fragmented("9.4." + (i + 1), Frame.BINARY, 4 * MEBI, 64 << 2 * i));
    }
    for (int i = 0; i < 6; i++) {
      cases.add(inPieces("9.5." + (i + 1), Frame.TEXT, 64 << i));
    }
    for (int i = 0; i < 6; i++) {
      cases.add(inPieces("9.6." + (i + 1), Frame.BINARY, 64 << i));
    }
    int[] trips = {0, 16, 64, 256, KIBI, 4 * KIBI};
    for (int i = 0; i < trips.length; i++) {
      cases.add(many("9.7." + (i + 1), Frame.TEXT, trips[i]));
    }
    for (int i = 0; i < trips.length; i++) {
      cases.add(many("9.8." + (i + 1), Frame.BINARY, trips[i]));
    }
    cases.add(fragmented("10.1.1", Frame.TEXT, 64 * KIBI, 1300));
    return cases;
  }

  static byte[] text(int length) {
    byte[] text = Seed.bytes(Seed.random("text"), length);
    for (int i = 0; i < length; i++) {
      text[i] = (byte) (' ' + (text[i] & 0x3F));
    }
    return text;
  }

  private static byte[] payload(int opcode, int length) {
    return opcode == Frame.TEXT ? text(length) : Seed.bytes(Seed.random("binary"), length);
  }

  private static String kind(int opcode, int length) {
    String kind = opcode == Frame.TEXT ? "text of " : "binary of ";
    return kind
        + (length < KIBI
            ? length + " bytes"
            : length < MEBI ? length / KIBI + " KiB" : length / MEBI + " MiB");
  }

  private static Case whole(String number, int opcode, int length) {
    return Case.of(
        number,
        kind(opcode, length),
        () -> {
          byte[] payload = payload(opcode, length);
          return new Case.Exchange(
              List.of(Frame.of(opcode, payload)), List.of(new ServerFrame(true, opcode, payload)));
        });
  }

  private static Case fragmented(String number, int opcode, int length, int fragment) {
    return Case.of(
        number,
        kind(opcode, length) + " in fragments of " + fragment,
        () -> {
          byte[] payload = payload(opcode, length);
          return new Case.Exchange(
              Cases.fragments(opcode, payload, fragment),
              List.of(new ServerFrame(true, opcode, payload)));
        });
  }

  private static Case inPieces(String number, int opcode, int length) {
    Case whole = whole(number, opcode, MEBI);
    return Case.of(number, whole.what() + " in pieces of " + length, whole::exchange)
        .inPieces(length);
  }

  private static Case many(String number, int opcode, int length) {
    return Case.of(
            number,
            kind(opcode, length) + ", " + ROUND_TRIPS + " times (in place of 1000)",
            () -> {
              byte[] payload = payload(opcode, length);
              return new Case.Exchange(
                  Collections.nCopies(ROUND_TRIPS, Frame.of(opcode, payload)),
                  Collections.nCopies(ROUND_TRIPS, new ServerFrame(true, opcode, payload)));
            })
        .inPieces(Case.BY_FRAME);
  }
}
