// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.Limits;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.HttpResponse;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import dev.millrace.suite.ServerFrame;
import dev.millrace.suite.UpgradeRequestText;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What went wrong in other servers, by the id under which it is known, where no other suite has a
 * test for it. {@link KnownBugs} names the tests of all.
 */
public abstract class KnownBugSuite extends EngineSuite {

  private static final byte[] NONE = {};
  private static final String DEFLATE = "permessage-deflate";

  private final Recorder recorder = new Recorder();

  private static UpgradeRequestText upgrade() {
    return UpgradeRequestText.to("/");
  }

  private RawClient openWith(Server server, String field, String value) throws Exception {
    return open(server).write(upgrade().with(field, value).bytes());
  }

  private static Arguments wrapping(String name, int code, byte[]... stream) {
    return Arguments.of(Named.of(name, Frame.join(stream)), code);
  }

  private static List<Arguments> lengthsThatWrap() {
    int wrong = CloseCode.PROTOCOL_ERROR;
    int big = CloseCode.MESSAGE_TOO_BIG;
    byte[] begun = Frame.binary(new byte[200]).unfinished().bytes();
    return List.of(
        wrapping("baresip-re-1584 4 + length is 0", wrong, Frame.text("").declaring(-4).header()),
        wrapping("gpac-3860 length + 1 is 0", wrong, Frame.binary(NONE).declaring(-1).header()),
        wrapping(
            "libhv-852 pointer + length wraps",
            big,
            Frame.binary(new byte[1000]).declaring(Long.MAX_VALUE - 1000).bytes()),
        wrapping(
            "tungstenite-c0cde68 header + length wraps",
            big,
            Frame.binary(NONE).declaring(Long.MAX_VALUE - 13).header()),
        wrapping(
            "CVE-2020-27813 what came before + length wraps",
            big,
            begun,
            Frame.continuation(NONE).declaring(Long.MAX_VALUE - 199).header()),
        wrapping(
            "CVE-2020-27813 32 bits of what came before + length wrap",
            big,
            begun,
            Frame.continuation(NONE).declaring((1L << 32) - 200).header()));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void lengthsThatWrap(byte[] stream, int code) throws Exception {
    RawClient client = connect(start(server().route("/", recorder)));
    client.write(stream);
    client.expectCloseAndEnd(code);
    assertEquals(0, recorder.deliveries());
  }

  /** CVE-2025-58057, CVE-2026-42587: nothing is inflated that nobody agreed to inflate. */
  @ParameterizedTest
  @ValueSource(ints = {Frame.TEXT, Frame.BINARY})
  void cve_2026_1526_compressedFrameIsRefusedByItsHeader(int opcode) throws Exception {
    Server server = start(server().route("/", recorder));
    RawClient client = openWith(server, "Sec-WebSocket-Extensions", DEFLATE);
    assertFalse(client.expectAccepted().headers().containsKey("Sec-WebSocket-Extensions"));
    client.write(Frame.of(opcode, NONE).withReservedBits(4).declaring(1 << 16).header());
    client.expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
    assertEquals(0, recorder.deliveries());
  }

  /** CVE-2026-29035: whatever is offered, an answer names no extension that is not there. */
  @Test
  void cve_2026_2229_offeredWindowBits() throws Exception {
    Server server = startEcho();
    List<String> offers = new ArrayList<>(List.of("=", "=x", "=-1", "=\"15\"", "=15; =", ""));
    for (int bits = 0; bits < 100; bits++) {
      offers.add("=" + bits);
    }
    for (String offer : offers) {
      for (String side : List.of("server", "client")) {
        String extension = DEFLATE + "; " + side + "_max_window_bits" + offer;
        try (RawClient client = openWith(server, "Sec-WebSocket-Extensions", extension)) {
          HttpResponse response = client.expectAccepted();
          assertFalse(response.headers().containsKey("Sec-WebSocket-Extensions"), extension);
          client.write(Frame.text("plain")).expectText("plain");
        }
      }
    }
  }

  /** Names that every object of JavaScript has: they were looked up, and the process ended. */
  @ParameterizedTest
  @ValueSource(strings = {"constructor", "__proto__", "toString; valueOf=1", "x, hasOwnProperty"})
  void ws_2017_extensionsNamedLikeProperties(String offer) throws Exception {
    RawClient client = openWith(startEcho(), "Sec-WebSocket-Extensions", offer);
    HttpResponse response = client.expectAccepted();
    assertFalse(response.headers().containsKey("Sec-WebSocket-Extensions"), offer);
    client.write(Frame.text("plain")).expectText("plain");
  }

  /**
   * ReDoS: searches that begin again at each space take more than a tenth of a second for such a
   * head, and the last of a hundred is not answered in time.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Connection", "Upgrade"})
  void cve_2021_32640_longRunsInLists(String field) throws Exception {
    String first =
        field.equals("Connection") ? "Upgrade" : field.equals("Upgrade") ? "websocket" : "b";
    Server server = startEcho();
    for (String run : List.of(" ", "\t", ",", " ,", ";", "a;", "\"")) {
      String value = first + ", a" + run.repeat(15_000 / run.length()) + "a";
      List<RawClient> clients = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        clients.add(openWith(server, field, value));
      }
      for (int last = clients.size() - 1; last >= 0; last--) {
        int status = clients.get(last).readResponse().status();
        assertTrue(status == 101 || status == 400, "status " + status);
        clients.get(last).close();
      }
    }
  }

  private static Arguments framing(String field, String value) {
    return Arguments.of(Named.of((field + ": " + value).replaceAll("[\r\n]+", "|"), value), field);
  }

  /**
   * CVE-2025-58056, CVE-2026-33870, CVE-2026-42580, -42581, -42584, -42585, CVE-2026-89044: what
   * one server reads as chunked another does not. Here no form of it is read at all.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "chunked",
        "CHUNKED",
        "chunked, chunked",
        "chunked, identity",
        "identity",
        "identity, chunked",
        "chunked;x=y",
        "\tchunked",
        "chunked ,",
        ", chunked",
        "\"chunked\"",
        "xchunked",
        "chunkedx",
        "gzip, chunked",
        "",
        "chunked\r\nTransfer-Encoding: identity",
        "chunked\r\nContent-Length: 0",
        "\u000bchunked"
      })
  void cve_2026_41417_transferEncodingOfAnyForm(String value) throws Exception {
    expectRefusedAlone("Transfer-Encoding", value);
  }

  private static List<Arguments> contentLengthsOfAnyForm() {
    return List.of(
        framing("Content-Length", "1"),
        framing("Content-Length", "+0"),
        framing("Content-Length", "-0"),
        framing("Content-Length", "0x10"),
        framing("Content-Length", "0 5"),
        framing("Content-Length", "0, 5"),
        framing("Content-Length", "5, 0"),
        framing("Content-Length", "0;"),
        framing("Content-Length", "\"0\""),
        framing("Content-Length", ""),
        framing("Content-Length", "0\r\nContent-Length: 5"),
        framing("Content-Length", "5\r\nContent-Length: 0"),
        framing("Content-Length", "0\r\n 5"),
        framing("Content-Length", "18446744073709551616"),
        framing("Content-Length ", "5"),
        framing("Content-Length\t", "5"),
        framing("content-length", "5"));
  }

  /** CVE-2023-40167, CVE-2026-19203, CVE-2026-28368, CVE-2026-28369. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("contentLengthsOfAnyForm")
  void cve_2026_28367_contentLengthOfAnyForm(String value, String field) throws Exception {
    expectRefusedAlone(field, value);
  }

  /** One refusal, then the end: what stands behind the request is neither a request nor a frame. */
  private void expectRefusedAlone(String field, String value) throws Exception {
    Server server = start(server().route("/", recorder));
    RawClient client = open(server);
    byte[] request = upgrade().with(field, value).bytes();
    byte[] smuggled = Frame.join("0\r\n\r\n".getBytes("US-ASCII"), upgrade().bytes());
    client.write(Frame.join(request, smuggled, Frame.text("smuggled").bytes()));
    HttpResponse refusal = client.readResponse();
    assertEquals(400, refusal.status(), refusal::text);
    client.expectEnd();
    assertEquals(List.of(), recorder.order());
  }

  /** RFC 6455 4.2.2: the answer names a subprotocol that was offered, or none. */
  @Test
  void subprotocolThatWasNotOfferedIsNeverAnswered() throws Exception {
    Server server =
        start(server().route("/", ECHO).onUpgrade(request -> Upgrade.accept().subprotocol("chat")));
    for (String offered : List.of("", "cha", "chatter", "CHAT", "x, chats")) {
      RawClient client =
          offered.isEmpty()
              ? open(server).write(upgrade().bytes())
              : openWith(server, "Sec-WebSocket-Protocol", offered);
      HttpResponse response = client.readResponse();
      assertEquals(500, response.status(), offered);
      assertFalse(response.headers().containsKey("Sec-WebSocket-Protocol"), offered);
      client.expectEnd();
    }
    RawClient client = openWith(server, "Sec-WebSocket-Protocol", "x,chat");
    assertEquals("chat", client.expectAccepted().header("Sec-WebSocket-Protocol"));
  }

  /** A frame behind the Close was answered by one Close each, until there was no memory. */
  @Test
  void httpKit_227_framesBehindTheCloseGetNoAnswer() throws Exception {
    byte[][] behind = new byte[5000][];
    for (int i = 0; i < behind.length; i++) {
      behind[i] =
          switch (i % 3) {
            case 0 -> Frame.close(1001, "again").bytes();
            case 1 -> Frame.ping("behind").bytes();
            default -> Frame.of(3, NONE).bytes();
          };
    }
    RawClient client = connect(start(server().route("/", recorder)));
    client.write(Frame.join(Frame.close(1000, "").bytes(), Frame.join(behind)));
    assertEquals(1000, client.readFrame().closeCode());
    client.expectEnd();
    client.close();
    assertEquals(1000, recorder.awaitClose().code());
    assertEquals(0, recorder.deliveries());
  }

  /** What others had sent before must not lie behind a reason or a pong on the wire. */
  @Test
  void ws_8_20_1_closeAndPongCarryNothingElse() throws Exception {
    byte[] secret = Cases.repeat(0xDB, 4096);
    Server server = start(server().route("/", ECHO).route("/recorded", recorder));
    RawClient other = connect(server);
    RawClient pinger = connect(server);
    for (int length = 0; length <= 123; length++) {
      other.write(Frame.binary(secret)).expectBinary(secret);
      byte[] ping = Cases.repeat('p', length);
      pinger.write(Frame.of(Frame.PING, ping));
      ServerFrame pong = pinger.readFrame();
      assertEquals(Frame.PONG, pong.opcode());
      assertEquals("p".repeat(length), pong.text());
      try (RawClient client = RawClient.connect(address(server), "/recorded")) {
        recorder.awaitOpen().close(4000, "r".repeat(length));
        ServerFrame close = client.readFrame();
        assertEquals(4000, close.closeCode());
        assertEquals("r".repeat(length), close.closeReason());
      }
    }
  }

  /** The end of the connection comes from the server, while the client's side is still open. */
  @Test
  void rfc6455_7_1_1_serverEndsTheConnectionFirst() throws Exception {
    Limits limits = Limits.defaults().withCloseTimeout(Duration.ofMinutes(5));
    Server server = start(server().limits(limits).route("/", recorder));
    for (int code : new int[] {1000, 4999, 1002}) {
      RawClient client = connect(server);
      client.write(code == 1002 ? Frame.of(3, NONE) : Frame.close(code, ""));
      client.expectCloseAndEnd(code);
      client.write(Frame.text("still writable"));
      client.close();
    }
    awaitNoConnections(server);
    assertEquals(0, recorder.deliveries());
  }
}
