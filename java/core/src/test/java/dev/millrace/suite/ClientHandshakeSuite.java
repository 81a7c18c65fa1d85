// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Client;
import dev.millrace.ConnectRequest;
import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.Server;
import dev.millrace.UpgradeException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The opening handshake as a client makes it (RFC 6455 4.1), and answers that no server should. */
public abstract class ClientHandshakeSuite extends ClientEngineSuite {

  private static final String UPGRADE = "Upgrade: websocket\r\n";

  private final Recorder recorder = new Recorder();

  @Test
  void rfc6455_4_1_theRequest() throws Exception {
    ScriptedServer server = scripted();
    ConnectRequest request =
        ConnectRequest.to(URI.create("ws://ada:pw@127.0.0.1:" + server.port() + "/a%20b?c"))
            .withHeader("X-A", "b")
            .withSubprotocols("v2", "v1");
    CompletionStage<Connection> opening = start(client()).connect(request, recorder);
    ScriptedServer.Accepted accepted = server.accept();

    String text = accepted.readRequest();
    assertTrue(text.startsWith("GET /a%20b?c HTTP/1.1\r\nHost: 127.0.0.1:" + server.port()), text);
    assertTrue(text.contains("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"), text);
    assertTrue(text.contains("\r\nSec-WebSocket-Version: 13\r\n"), text);
    assertTrue(text.contains("\r\nSec-WebSocket-Protocol: v2, v1\r\n"), text);
    assertTrue(text.contains("\r\nAuthorization: Basic YWRhOnB3\r\n"), text);
    assertTrue(text.contains("\r\nX-A: b\r\n"), text);
    assertFalse(text.contains("Sec-WebSocket-Extensions"), text);
    accepted.write(accepted.accepting("Sec-WebSocket-Protocol: v1"));
    assertEquals(
        "v1", Deadline.await(opening, "the connection").webSocket().subprotocol().orElseThrow());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno",
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n",
        "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\n\r\n",
        "HTTP/1.1 503 \r\nRetry-After: 1\r\n\r\n",
      })
  void answersThatRefuse(String answer) throws Exception {
    ScriptedServer server = scripted();
    CompletionStage<Connection> opening = start(client()).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.accept();
    accepted.readRequest();
    accepted.write(answer);

    UpgradeException refused = failureOf(opening, UpgradeException.class);
    assertEquals(Integer.parseInt(answer.substring(9, 12)), refused.status());
    accepted.expectGone();
    assertEquals(List.of(), recorder.order());
  }

  @ParameterizedTest(name = "{0} -> {1}")
  @CsvSource(
      delimiter = '|',
      value = {
        "Upgrade: websocket|X: y",
        "Upgrade: websocket|Upgrade: h2c",
        "Connection: Upgrade|Connection: close",
        "Connection: Upgrade|X: y",
        "Sec-WebSocket-Accept: |Sec-WebSocket-Accept: a",
        "Sec-WebSocket-Accept: |X-WebSocket-Accept: ",
        "X-Spare: x|Sec-WebSocket-Accept: x",
        "X-Spare: x|Sec-WebSocket-Protocol: v1",
        "X-Spare: x|Sec-WebSocket-Extensions: permessage-deflate",
        "X-Spare: x|Sec-WebSocket-Extensions: x-webkit-deflate-frame",
      })
  void rfc6455_4_1_answersThatDoNotAccept(String from, String to) throws Exception {
    ScriptedServer server = scripted();
    CompletionStage<Connection> opening = start(client()).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.accept();
    accepted.readRequest();
    String answer = accepted.accepting("X-Spare: x");
    assertTrue(answer.contains(from), answer);
    accepted.write(answer.replace(from, to));

    assertEquals(101, failureOf(opening, UpgradeException.class).status());
    accepted.expectGone();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nonsense\r\n\r\n",
        "\r\n\r\n",
        "HTTP/2 101 x\r\n\r\n",
        "HTTP/1.1 1 x\r\n\r\n",
        "HTTP/1.1 1010 x\r\n\r\n",
        "HTTP/1.1 101 x\r\nno colon\r\n\r\n",
        "HTTP/1.1 101 x\r\n: empty\r\n\r\n",
        "HTTP/1.1 101 x\r\nA b: c\r\n\r\n",
        "HTTP/1.1 101 x\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 101 x\r\nA: b\0c\r\n\r\n",
        "HTTP/1.1 101 x\nA: b\n\n",
        "SSH-2.0-OpenSSH\r\n",
        "\u0016\u0003\u0001\u0002\u0000\u0001",
      })
  void answersThatAreNoHttp(String answer) throws Exception {
    ScriptedServer server = scripted();
    CompletionStage<Connection> opening = start(client()).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.accept();
    accepted.readRequest();
    accepted.write(answer);
    accepted.shutdownOutput();

    Throwable failure = failureOf(opening);
    assertTrue(
        failure instanceof IOException || failure instanceof UpgradeException, failure::toString);
    accepted.expectGone();
    assertEquals(List.of(), recorder.order());
  }

  @Test
  void answersHaveALimit() throws Exception {
    ScriptedServer server = scripted();
    Limits limits = Limits.defaults().withMaxHeaderBytes(4096);
    CompletionStage<Connection> opening =
        start(client().limits(limits)).connect(server.uri(), recorder);
    ScriptedServer.Accepted accepted = server.accept();
    accepted.readRequest();
    accepted.write("HTTP/1.1 101 x\r\nA: " + "b".repeat(5000));

    failureOf(opening, IOException.class);
    accepted.expectGone();
  }

  /** All cuts at once: the first parts, a turn of the loop, the other parts. */
  @Test
  void anAnswerMayBeCutAtEveryByte() throws Exception {
    ScriptedServer server = scripted();
    Client client = start(client());
    Server turns = startEcho();
    final Connection probe = connect(client, address(turns), new Recorder());
    byte[] behind = Frame.turned(RawClient.bytesOf(Frame.text("behind"), Frame.ping("p")));
    int length = "HTTP/1.1 101 Switching Protocols\r\n".length() + UPGRADE.length();
    length += "Connection: Upgrade\r\n".length();
    length += "Sec-WebSocket-Accept: 1234567890123456789012345678\r\n\r\n".length();
    length += behind.length;
    List<ScriptedServer.Accepted> all = new ArrayList<>();
    List<byte[]> streams = new ArrayList<>();
    for (int cut = 1; cut < length; cut++) {
      client.connect(server.uri(), recorder);
      ScriptedServer.Accepted accepted = server.accept();
      accepted.readRequest();
      byte[] head = accepted.accepting().getBytes(StandardCharsets.ISO_8859_1);
      byte[] stream = Frame.join(head, behind);
      assertEquals(length, stream.length);
      accepted.write(stream, 0, cut);
      all.add(accepted);
      streams.add(stream);
    }
    awaitTurn(probe);
    for (int i = 0; i < all.size(); i++) {
      all.get(i).write(streams.get(i), i + 1, length);
    }
    for (ScriptedServer.Accepted accepted : all) {
      accepted.expectPong("p");
    }
    for (int i = 0; i < all.size(); i++) {
      assertEquals("behind", new String(recorder.awaitMessage().payload(), "UTF-8"));
    }
  }

  @Test
  void redirectsAreFollowedWhenAsked() throws Exception {
    ScriptedServer first = scripted();
    ScriptedServer second = scripted();
    ConnectRequest request = ConnectRequest.to(first.uri()).withHeader("Authorization", "Bearer s");
    CompletionStage<Connection> opening =
        start(client().followRedirects(2)).connect(request, recorder);
    ScriptedServer.Accepted one = first.accept();
    one.readRequest();
    assertEquals("Bearer s", one.field("Authorization"));
    one.write("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    one.expectGone();
    ScriptedServer.Accepted two = first.accept();
    assertTrue(two.readRequest().startsWith("GET /elsewhere HTTP/1.1\r\n"));
    assertEquals("Bearer s", two.field("Authorization"));
    two.write("HTTP/1.1 308 There\r\nLocation: http://127.0.0.1:" + second.port() + "/x\r\n\r\n");
    ScriptedServer.Accepted three = second.accept();
    String last = three.readRequest();
    assertTrue(last.startsWith("GET /x HTTP/1.1\r\n"), last);
    assertFalse(last.contains("Bearer"), last);
    three.write(three.accepting());

    assertEquals("/x", Deadline.await(opening, "the connection").handshake().path());
    two.expectGone();
  }

  @Test
  void aFailureOfTheHandshakeLeavesNoConnection() throws Exception {
    Server server = start(server().route("/", ECHO));
    Client client = start(client());
    for (int i = 0; i < 50; i++) {
      assertInstanceOf(
          UpgradeException.class,
          failureOf(client.connect(address(server).resolve("/none"), recorder)));
    }
    awaitNoConnections(client);
    awaitNoConnections(server);
    assertEquals(List.of(), recorder.order());
  }
}
