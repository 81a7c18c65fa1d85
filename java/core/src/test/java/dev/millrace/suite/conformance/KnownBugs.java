// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static dev.millrace.suite.conformance.Shown.by;

import java.util.List;
import java.util.stream.Stream;

/** What went wrong in other servers, and what shows that it does not here. */
final class KnownBugs {

  private KnownBugs() {}

  static List<Shown> all() {
    return Stream.of(framing(), memory(), handshake(), ends()).flatMap(List::stream).toList();
  }

  private static List<Shown> framing() {
    return List.of(
        by(
            "CVE-2020-27813 (gorilla)",
            "the sum of two lengths wraps",
            "BadFrameSuite.ruleBroken CVE-2020-27813",
            "KnownBugSuite.lengthsThatWrap CVE-2020-27813"),
        by(
            "CVE-2020-13935 (Tomcat)",
            "an endless loop over a length of 2^63 and more",
            "BadFrameSuite.ruleBroken CVE-2020-13935"),
        by(
            "CVE-2026-1528 (undici)",
            "the length of a continuation wraps",
            "BadFrameSuite.ruleBroken CVE-2026-1528"),
        by(
            "nopoll#84",
            "a length whose top bit is shifted into a sign",
            "BadFrameSuite.ruleBroken nopoll-84"),
        by(
            "baresip/re#1584",
            "4 + length is 0, 2^64 bytes are unmasked",
            "KnownBugSuite.lengthsThatWrap baresip-re-1584"),
        by("libhv#852", "pointer + length wraps", "KnownBugSuite.lengthsThatWrap libhv-852"),
        by(
            "gpac#3860",
            "length + 1 is 0, nothing is allocated",
            "KnownBugSuite.lengthsThatWrap gpac-3860"),
        by(
            "tungstenite c0cde68",
            "header + length wraps",
            "KnownBugSuite.lengthsThatWrap tungstenite-c0cde68"),
        by(
            "facil.io#169",
            "unmasked text is delivered before the connection is closed",
            "BadFrameSuite.ruleBroken facil.io-169"),
        by(
            "CVE-2026-19204 (Jetty)",
            "the payload of a reserved opcode is waited for and buffered",
            "BadFrameSuite.ruleBroken CVE-2026-19204"));
  }

  private static List<Shown> memory() {
    return List.of(
        by(
            "Java-WebSocket#1499, #1507",
            "a declared length is allocated",
            "BadFrameSuite.javaWebSocket_1499_declaredLengthsHoldNoMemory"),
        by(
            "CVE-2026-48779, ws#2331",
            "tiny fragments pin many times what they weigh",
            "BadFrameSuite.cve_2026_48779_tooManyFragments",
            "BadFrameSuite.cve_2026_48779_tinyFragmentsPinLittle"),
        by(
            "Java-WebSocket#1508, CWIST#161",
            "the limit holds for each fragment, not for their sum",
            "BadFrameSuite.javaWebSocket_1508_fragmentsWhoseSumIsTooBig"),
        by(
            "CVE-2026-1526 (undici), CVE-2025-58057, CVE-2026-42587 (Netty)",
            "decompression without a limit",
            "DeflateSuite.aBombEndsAtTheLimit",
            "DeflateSuite.aBombThatBeginsHarmlesslyEndsAtTheLimit",
            "KnownBugSuite.cve_2026_1526_compressedFrameIsRefusedByItsHeader"),
        by(
            "ws PR2285",
            "what is too long once inflated is told as data that does not inflate",
            "DeflateSuite.aBombThatBeginsHarmlesslyEndsAtTheLimit"),
        by(
            "lws#1362, jetty#293",
            "compression state is used behind its connection's end, or stays",
            "DeflateSuite.whoGoesAwayMeanwhileHarmsNobody",
            "DeflateSuite.whoGoesAwayLeavesNoMemory"),
        by(
            "CVE-2026-2229 (undici), CVE-2026-29035 (CivetWeb)",
            "parameters of a compression nobody checked",
            "DeflateSuite.cve_2026_2229_offeredWindowBits",
            "KnownBugSuite.cve_2026_2229_offeredWindowBits"),
        by(
            "Starscream#538, relay-ide#1250, openai-java#1013",
            "pongs queue without end for a peer that does not read",
            "ControlSuite.pingFloodOfAPeerThatDoesNotReadStaysBounded",
            "FlowControlSuite.echoesToASlowReaderAreNeverLost"),
        by(
            "ws 8.20.1, ws 1.0.1",
            "memory of others behind a close reason or a pong",
            "KnownBugSuite.ws_8_20_1_closeAndPongCarryNothingElse"));
  }

  private static List<Shown> handshake() {
    return List.of(
        by(
            "CVE-2023-43669 (tungstenite)",
            "a request is parsed from its start at each read",
            "HandshakeSuite.cve_2023_43669_requestByteByByte"),
        by(
            "CVE-2021-32640 (ws)",
            "a search in header lists that takes quadratic time",
            "KnownBugSuite.cve_2021_32640_longRunsInLists"),
        by(
            "ws of 2017",
            "an extension named like a property of every object ends the process",
            "KnownBugSuite.ws_2017_extensionsNamedLikeProperties"),
        by(
            "CVE-2024-37890 (ws)",
            "more header fields than expected",
            "HandshakeSuite.requestRefused CVE-2024-37890"),
        by(
            "slowloris",
            "a dripping or silent handshake stays for ever",
            "HandshakeSuite.slowHandshakeEndsByItsAbsoluteDeadline",
            "HandshakeSuite.silentConnectionEndsByTheHandshakeDeadline",
            "DeadlineSuite.silentAndDrippingHandshakesAreGoneAfterTheirDeadline"),
        by(
            "CVE-2025-58056, CVE-2026-33870, CVE-2026-41417, CVE-2026-42580, CVE-2026-42581,"
                + " CVE-2026-42584, CVE-2026-42585, CVE-2026-89044 (Netty)",
            "smuggling behind a Transfer-Encoding; here an upgrade with any is refused",
            "HandshakeSuite.requestRefused CVE-2025-58056",
            "HandshakeSuite.requestRefused CVE-2026-33870",
            "KnownBugSuite.cve_2026_41417_transferEncodingOfAnyForm"),
        by(
            "CVE-2023-40167, CVE-2026-19203 (Jetty), CVE-2026-28367, CVE-2026-28368,"
                + " CVE-2026-28369 (Undertow)",
            "smuggling behind a Content-Length; here an upgrade with any but 0 is refused",
            "HandshakeSuite.requestRefused CVE-2023-40167",
            "KnownBugSuite.cve_2026_28367_contentLengthOfAnyForm"),
        by(
            "CVE-2026-58055 (nghttpx)",
            "an upgrade with a body",
            "HandshakeSuite.requestRefused CVE-2026-58055",
            "HandshakeSuite.bytesBehindARefusedRequestAreNothing"),
        by(
            "CVE-2025-67735, CVE-2026-42578 (Netty)",
            "CR and LF in what the application answers",
            "HandshakeSuite.cve_2025_67735_injectedHeaderNeverLeaves"),
        by(
            "cross-site hijacking: kemal#766, red5#470",
            "a page of any origin may connect",
            "HandshakeSuite.requestRefused 10.2 origin",
            "HandshakeSuite.rfc6455_10_2_originAllowedByName"));
  }

  private static List<Shown> ends() {
    return List.of(
        by(
            "CVE-2022-25762, tomcat#1041, uWebSockets#1038, uWebSockets#1746, uSockets#180",
            "a send that meets a close reaches another connection",
            "LifecycleSuite.cve_2022_25762_stormOfSendsClosesAndResets"),
        by(
            "CVE-2024-23672 (Tomcat)",
            "a peer that never answers the Close is kept",
            "ControlSuite.tomcat_cve_2024_23672_peerThatNeverAnswersTheCloseIsLetGo"),
        by(
            "http-kit#227",
            "each frame behind the Close queues another Close",
            "KnownBugSuite.httpKit_227_framesBehindTheCloseGetNoAnswer"),
        by(
            "CVE-2026-42577 (Netty), CVE-2024-1635 (Undertow)",
            "a reset on a half-closed connection, or during the upgrade, is never noticed",
            "HandshakeSuite.cve_2026_42577_resetInEveryState",
            "FaultSuite.peerVanishes",
            "FaultSuite.peerOfAUnixSocketVanishes"),
        by(
            "JDK channels",
            "the interrupt of a sending thread closes the connection",
            "SendSuite.interruptedSenderKeepsItsConnection"));
  }
}
