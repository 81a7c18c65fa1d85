// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static dev.millrace.suite.conformance.Cases.continuation;
import static dev.millrace.suite.conformance.Cases.hex;
import static dev.millrace.suite.conformance.Cases.text;

import dev.millrace.CloseCode;
import dev.millrace.suite.Frame;
import java.util.ArrayList;
import java.util.List;

/**
 * Section 7: the closing handshake. A Close frame that may be is answered with its own code, one
 * that may not be with the code of what is wrong with it.
 */
final class ClosingCases {

  private static final int NORMAL = CloseCode.NORMAL_CLOSURE;
  private static final int ERROR = CloseCode.PROTOCOL_ERROR;
  private static final String HELLO = "Hello World!";

  private ClosingCases() {}

  static List<Case> all() {
    List<Case> cases = new ArrayList<>();
    addBehindTheClose(cases);
    addBodies(cases);
    addCodes(cases);
    return cases;
  }

  private static Frame close() {
    return Frame.close(NORMAL, "");
  }

  private static void addBehindTheClose(List<Case> cases) {
    cases.add(
        Case.of("7.1.1", "text, then close", Frame.text(HELLO), close())
            .closed(NORMAL, text(HELLO)));
    cases.add(Case.of("7.1.2", "close twice", close(), Frame.close()).closed(NORMAL));
    cases.add(Case.of("7.1.3", "close, then a ping", close(), Frame.ping("")).closed(NORMAL));
    cases.add(Case.of("7.1.4", "close, then text", close(), Frame.text(HELLO)).closed(NORMAL));
    cases.add(
        Case.of(
                "7.1.5",
                "close between the fragments of a text",
                Frame.text("fragment1").unfinished(),
                close(),
                continuation("fragment2"))
            .closed(NORMAL));
    byte[] long256 = LimitCases.text(256 << 10);
    cases.add(
        Case.of(
                "7.1.6",
                "text of 256 KiB, text, close, ping: both texts come before the close",
                Frame.of(Frame.TEXT, long256),
                Frame.text(HELLO),
                close(),
                Frame.ping(""))
            .closed(NORMAL, text(long256), text(HELLO)));
  }

  private static void addBodies(List<Case> cases) {
    cases.add(Case.of("7.3.1", "close without a body", Frame.close()).closed(0));
    cases.add(
        Case.of("7.3.2", "close with a body of one byte", Frame.of(Frame.CLOSE, hex("61")))
            .closed(ERROR));
    cases.add(Case.of("7.3.3", "close with a code", close()).closed(NORMAL));
    cases.add(
        Case.of("7.3.4", "close with a code and a reason", Frame.close(NORMAL, HELLO))
            .closed(NORMAL));
    cases.add(
        Case.of("7.3.5", "close with a reason of 123 bytes", Frame.close(NORMAL, "*".repeat(123)))
            .closed(NORMAL));
    cases.add(
        Case.of("7.3.6", "close with a reason of 124 bytes", Frame.close(NORMAL, "*".repeat(124)))
            .closed(ERROR));
    byte[] reason = hex("ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64");
    cases.add(
        Case.of(
                "7.5.1",
                "close with a reason that is not UTF-8",
                Frame.of(Frame.CLOSE, Frame.closeBody(NORMAL, reason)))
            .closed(CloseCode.INVALID_FRAME_PAYLOAD_DATA));
  }

  private static void addCodes(List<Case> cases) {
    int[] legal = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999};
    for (int i = 0; i < legal.length; i++) {
      cases.add(
          Case.of("7.7." + (i + 1), "close with code " + legal[i], Frame.close(legal[i], ""))
              .closed(legal[i]));
    }
    int[] illegal = {0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999};
    for (int i = 0; i < illegal.length; i++) {
      cases.add(refused("7.9." + (i + 1), illegal[i]));
    }
    cases.add(refused("7.13.1", 5000));
    cases.add(refused("7.13.2", 65_535));
  }

  private static Case refused(String number, int code) {
    return Case.of(number, "close with code " + code, Frame.close(code, "")).closed(ERROR);
  }
}
