// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.Server;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Clients of others that offer permessage-deflate, as they do unless told otherwise. */
@Timeout(120)
final class DeflatePeersIT {

  private static final int[] SIZES = {0, 1, 64, 1000, 65_536, 1_000_000};

  private static final Compression PLAIN = Compression.enabled();
  private static final Compression TAKEOVER = PLAIN.withContextTakeover(true);

  /** An exchange with a server. */
  private interface Peer {
    void echoAll(URI url) throws Exception;
  }

  @BeforeAll
  @Timeout(400)
  static void prepare() throws Exception {
    Peers.prepare();
  }

  static Stream<Arguments> servers() {
    return Stream.of(Engine.JAVA, Engine.NATIVE)
        .flatMap(
            engine ->
                Stream.of(PLAIN, TAKEOVER).map(compression -> Arguments.of(engine, compression)));
  }

  private static void serve(Engine engine, Compression compression, Peer peer) throws Exception {
    try (Server server =
        Server.builder()
            .engine(engine)
            .loops(1)
            .listen("ws://127.0.0.1:0")
            .route("/", (connection, message) -> connection.send(message))
            .compression(compression)
            .start()) {
      peer.echoAll(URI.create(server.addresses().get(0) + "/"));
    }
  }

  private static void assertEchoesAll(String... command) throws Exception {
    List<String> whole = new ArrayList<>(List.of(command));
    List<String> expected = new ArrayList<>(List.of("permessage-deflate"));
    for (int size : SIZES) {
      whole.add("" + size);
      expected.add("text " + size);
      expected.add("binary " + size);
    }
    expected.add("closed 1000");
    assertEquals(expected, Peers.run(whole));
  }

  @ParameterizedTest
  @MethodSource("servers")
  void nodeWs(Engine engine, Compression compression) throws Exception {
    serve(engine, compression, url -> assertEchoesAll("node", "node-ws.mjs", url.toString()));
  }

  @ParameterizedTest
  @MethodSource("servers")
  void pythonWebsockets(Engine engine, Compression compression) throws Exception {
    Peers.require("/usr/bin/python3", "python3-websockets", "-c", "import websockets");
    serve(
        engine,
        compression,
        url -> assertEchoesAll("/usr/bin/python3", "websockets_client.py", url.toString()));
  }

  /** It knows no compression, and is served without. */
  @ParameterizedTest
  @MethodSource("servers")
  void jdkHttpClient(Engine engine, Compression compression) throws Exception {
    serve(engine, compression, url -> JdkPeer.echoAll(url, SIZES));
  }

  @ParameterizedTest
  @MethodSource("servers")
  void chromium(Engine engine, Compression compression) throws Exception {
    String chromium = System.getenv().getOrDefault("CHROMIUM", "/usr/bin/chromium");
    Peers.require(chromium, "chromium", "--version");
    serve(
        engine,
        compression,
        url -> assertEchoesAll("node", "browser.mjs", chromium, url.toString()));
  }
}
