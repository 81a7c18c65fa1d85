// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Clients of others against {@code ./millrace echo --engine native}: every class of size, text and
 * binary, byte for byte, straight and with the stream cut at random.
 */
@Timeout(240)
final class PeerMatrixIT {

  private static final int[] SIZES = {
    0, 1, 125, 126, 127, 1000, 16_384, 65_535, 65_536, 131_072, 131_073, 1 << 20, 5_000_000,
    16 << 20
  };

  private static EchoProcess echo;
  private static URI server;
  private static CuttingProxy proxy;

  @BeforeAll
  @Timeout(400)
  static void start() throws Exception {
    Peers.prepare();
    EchoProcess.ensureBuilt();
    echo = EchoProcess.start("--listen", "ws://127.0.0.1:0", "--engine", "native");
    server = echo.awaitAddress();
    proxy = new CuttingProxy(server);
  }

  @AfterAll
  static void end() throws IOException {
    if (proxy != null) {
      proxy.close();
    }
    if (echo != null) {
      echo.close();
    }
  }

  private static String url(boolean cut) {
    return (cut ? proxy.address() : server) + "/";
  }

  private static void assertEchoesAll(String... command) throws Exception {
    List<String> whole = new ArrayList<>(List.of(command));
    List<String> expected = new ArrayList<>();
    for (int size : SIZES) {
      whole.add("" + size);
      expected.add("text " + size);
      expected.add("binary " + size);
    }
    expected.add("closed 1000");
    assertEquals(expected, Peers.run(whole));
  }

  @ParameterizedTest(name = "cut: {0}")
  @ValueSource(booleans = {false, true})
  void nodeWs(boolean cut) throws Exception {
    assertEchoesAll("node", "node-ws.mjs", url(cut));
  }

  @ParameterizedTest(name = "cut: {0}")
  @ValueSource(booleans = {false, true})
  void pythonWebsockets(boolean cut) throws Exception {
    Peers.require("/usr/bin/python3", "python3-websockets", "-c", "import websockets");
    assertEchoesAll("/usr/bin/python3", "websockets_client.py", url(cut));
  }

  @ParameterizedTest(name = "cut: {0}")
  @ValueSource(booleans = {false, true})
  void jdkHttpClient(boolean cut) throws Exception {
    JdkPeer.echoAll(URI.create(url(cut)), SIZES);
  }

  @ParameterizedTest(name = "cut: {0}")
  @ValueSource(booleans = {false, true})
  void chromium(boolean cut) throws Exception {
    String chromium = System.getenv().getOrDefault("CHROMIUM", "/usr/bin/chromium");
    Peers.require(chromium, "chromium", "--version");
    assertEchoesAll("node", "browser.mjs", chromium, url(cut));
  }
}
