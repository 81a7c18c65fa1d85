// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import dev.millrace.suite.Frame;
import dev.millrace.suite.ServerFrame;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * Sections 1-7, 9 and 10 of the public conformance suite. Where that accepts several outcomes, only
 * the strictest stands here.
 */
final class Cases {

  private Cases() {}

  static List<Case> all() {
    return Stream.of(FramingCases.all(), Utf8Cases.all(), ClosingCases.all(), LimitCases.all())
        .flatMap(List::stream)
        .toList();
  }

  static ServerFrame text(String text) {
    return new ServerFrame(true, Frame.TEXT, utf8(text));
  }

  static ServerFrame text(byte[] payload) {
    return new ServerFrame(true, Frame.TEXT, payload);
  }

  static ServerFrame binary(byte[] payload) {
    return new ServerFrame(true, Frame.BINARY, payload);
  }

  static ServerFrame pong(String payload) {
    return pong(utf8(payload));
  }

  static ServerFrame pong(byte[] payload) {
    return new ServerFrame(true, Frame.PONG, payload);
  }

  static Frame continuation(String text) {
    return Frame.continuation(utf8(text));
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits.replace(" ", ""));
  }

  static byte[] repeat(int octet, int length) {
    byte[] payload = new byte[length];
    Arrays.fill(payload, (byte) octet);
    return payload;
  }

  /** A message in fragments of a length; the last may be shorter. */
  static List<Frame> fragments(int opcode, byte[] payload, int length) {
    List<Frame> fragments = new ArrayList<>();
    for (int from = 0; from < payload.length; from += length) {
      int to = Math.min(from + length, payload.length);
      byte[] part = Arrays.copyOfRange(payload, from, to);
      Frame fragment = Frame.of(from == 0 ? opcode : Frame.CONTINUATION, part);
      fragments.add(to < payload.length ? fragment.unfinished() : fragment);
    }
    return fragments;
  }
}
