// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static dev.millrace.suite.conformance.Shown.by;

import java.util.List;

/** The rules of RFC 6455 that servers break most often. */
final class MissedRules {

  private MissedRules() {}

  static List<Shown> all() {
    return List.of(
        by(
            "5.1",
            "a frame without a mask ends the connection, and nothing of it is delivered",
            "BadFrameSuite.ruleBroken 5.1 unmasked",
            "BadFrameSuite.ruleBrokenAndCut 5.1 unmasked"),
        by(
            "5.2",
            "lengths in their shortest form, the top bit of 64 clear",
            "BadFrameSuite.ruleBroken in 16 bits",
            "BadFrameSuite.ruleBroken in 64 bits",
            "BadFrameSuite.ruleBroken nopoll-84"),
        by(
            "5.2, 5.8",
            "reserved bits and opcodes, also when an extension was offered",
            "BadFrameSuite.ruleBroken 5.2 RSV",
            "BadFrameSuite.ruleBroken 5.2 opcode",
            "KnownBugSuite.cve_2026_1526_compressedFrameIsRefusedByItsHeader"),
        by(
            "5.5",
            "control frames are final and of 125 bytes at most",
            "BadFrameSuite.ruleBroken 5.5 control frame"),
        by(
            "7.4",
            "close codes that may be sent, a body of one byte, a reason that is UTF-8",
            "ControlSuite.rfc6455_7_4_legalCloseCodeIsEchoed",
            "ControlSuite.rfc6455_7_4_illegalCloseCodeIsAProtocolError",
            "ControlSuite.rfc6455_5_5_1_closeBodyOfOneByteIsAProtocolError",
            "ControlSuite.rfc6455_8_1_closeReasonThatIsNotUtf8"),
        by(
            "5.5.1",
            "nothing behind a Close is taken, one Close is sent",
            "ControlSuite.rfc6455_5_5_1_nothingBehindTheCloseIsRead",
            "BadFrameSuite.ruleBrokenAndMoreBehindIt",
            "KnownBugSuite.httpKit_227_framesBehindTheCloseGetNoAnswer"),
        by(
            "8.1",
            "UTF-8 of the whole message across its fragments, refused at the first bad byte",
            "EchoSuite.rfc6455_8_1_charactersCutByFragments",
            "BadFrameSuite.ruleBroken 8.1"),
        by(
            "4.2.2",
            "a version other than 13 is answered with 426 and the version",
            "HandshakeSuite.requestRefused 4.2.2"),
        by(
            "4.2.1",
            "GET, HTTP/1.1, Host, Upgrade, Connection as a list, a key of 16 bytes",
            "HandshakeSuite.requestRefused 4.2.1",
            "HandshakeSuite.requestRefused POST",
            "HandshakeSuite.requestRefused HTTP/1.0",
            "HandshakeSuite.requestAccepted 4.2.1"),
        by(
            "4.2.2",
            "no subprotocol in the answer that was not offered",
            "KnownBugSuite.subprotocolThatWasNotOfferedIsNeverAnswered",
            "HandshakeSuite.requestAccepted 1.9"),
        by(
            "9.1, RFC 7692 5",
            "an extension that is not there is declined, whatever its parameters",
            "HandshakeSuite.requestAccepted 9.1",
            "KnownBugSuite.cve_2026_2229_offeredWindowBits"),
        by(
            "7.1.1",
            "the server ends the TCP connection first",
            "KnownBugSuite.rfc6455_7_1_1_serverEndsTheConnectionFirst"));
  }
}
