// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Server;
import dev.millrace.UpgradeException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A client behind an HTTP proxy (RFC 9110 9.3.6). */
public abstract class ProxyConnectSuite extends ClientEngineSuite {

  private static final String NAME = "only-the-proxy-knows.invalid";

  private final Recorder recorder = new Recorder();

  private static URI proxy(ScriptedServer server, String user) {
    return URI.create("http://" + user + "127.0.0.1:" + server.port());
  }

  @ParameterizedTest
  @ValueSource(strings = {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 204 x\r\nVia: a\r\n\r\n"})
  void theNameIsTheProxysToResolve(String answer) throws Exception {
    Server server = startEcho();
    ScriptedServer proxy = scripted();
    int port = address(server).getPort();
    CompletionStage<Connection> opening =
        start(client().proxy(proxy(proxy, "ada:pw@")))
            .connect(URI.create("ws://" + NAME + ":" + port + "/"), recorder);
    ScriptedServer.Accepted accepted = proxy.accept();
    String place = NAME + ":" + port;
    assertEquals(
        "CONNECT "
            + place
            + " HTTP/1.1\r\nHost: "
            + place
            + "\r\nProxy-Authorization: Basic YWRhOnB3\r\n\r\n",
        accepted.readRequest());
    try (Socket upstream = new Socket("127.0.0.1", port)) {
      accepted.write(answer);
      accepted.tunnel(upstream);
      Connection connection = Deadline.await(opening, "the connection");
      connection.send("through");
      assertEquals("through", new String(recorder.awaitMessage().payload(), "UTF-8"));
      connection.close();
      assertEquals(1000, recorder.awaitClose().code());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {403, 407, 502, 301, 101})
  void aProxyThatRefuses(int status) throws Exception {
    ScriptedServer proxy = scripted();
    CompletionStage<Connection> opening =
        start(client().proxy(proxy(proxy, "")).followRedirects(3))
            .connect(URI.create("ws://" + NAME + "/"), recorder);
    ScriptedServer.Accepted accepted = proxy.accept();
    accepted.readRequest();
    accepted.write("HTTP/1.1 " + status + " No\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nno");

    UpgradeException refused = failureOf(opening, UpgradeException.class);
    assertEquals(status, refused.status());
    assertTrue(
        refused.getMessage().startsWith("the proxy 127.0.0.1:" + proxy.port() + " refuses"),
        refused::getMessage);
    accepted.expectGone();
  }

  @Test
  void aProxyThatIsNotThere() throws Exception {
    ScriptedServer proxy = scripted();
    proxy.close();
    failureOf(
        start(client().proxy(proxy(proxy, ""))).connect(URI.create("ws://" + NAME + "/"), recorder),
        ConnectException.class);
  }

  /** What lies behind a tunnel's answer is from nobody that was asked anything. */
  @Test
  void bytesBehindTheProxysAnswerAreRefused() throws Exception {
    ScriptedServer proxy = scripted();
    CompletionStage<Connection> opening =
        start(client().proxy(proxy(proxy, ""))).connect(URI.create("ws://" + NAME + "/"), recorder);
    ScriptedServer.Accepted accepted = proxy.accept();
    accepted.readRequest();
    accepted.write(
        ("HTTP/1.1 200 OK\r\n\r\n" + accepted.accepting()).getBytes(StandardCharsets.ISO_8859_1));

    failureOf(opening, IOException.class);
    accepted.awaitGone();
  }

  @Test
  void theServerBehindTheProxyIsJudgedAsEver() throws Exception {
    ScriptedServer proxy = scripted();
    CompletionStage<Connection> opening =
        start(client().proxy(proxy(proxy, "u:p@")))
            .connect(URI.create("ws://" + NAME + "/"), recorder);
    ScriptedServer.Accepted accepted = proxy.accept();
    accepted.readRequest();
    accepted.write("HTTP/1.1 200 OK\r\n\r\n");
    String request = accepted.readRequest();
    assertTrue(request.startsWith("GET / HTTP/1.1\r\nHost: " + NAME + "\r\n"), request);
    assertTrue(!request.contains("Authorization"), request);
    accepted.write("HTTP/1.1 404 Not Found\r\n\r\n");

    UpgradeException refused = failureOf(opening, UpgradeException.class);
    assertEquals(404, refused.status());
    assertTrue(refused.getMessage().startsWith("the server refuses"), refused::getMessage);
  }
}
