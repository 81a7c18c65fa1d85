// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.springboot;

import static java.nio.file.StandardOpenOption.APPEND;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Server;
import dev.millrace.TrustedProxies;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.ProxyProcess;
import dev.millrace.suite.TestCertificate;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

/**
 * The README's recipes "behind nginx on 443" and "beside Spring Boot", and that of docs/proxies.md
 * for haproxy, as they stand there, but for ports and files, which are those of the test.
 */
@Timeout(120)
class RecipesTest {
  private static final Path HOME = Path.of(System.getProperty("millrace.home", "../.."));
  private static final String PAGE = "a page by Spring";

  @Test
  void theBeanIsTheReadmes() throws IOException {
    String source =
        Files.readString(
            HOME.resolve(
                "examples/spring-boot/src/main/java/dev/millrace/examples/springboot/"
                    + "WebSocketServer.java"));
    String bean = source.substring(source.indexOf("@Component"));
    List<String> blocks = blocks("README.md", "java");
    assertTrue(blocks.contains(bean), "no block of the README is the bean");
  }

  @Test
  void onePortServesBothAndEndsThemInOrder(@TempDir Path folder) throws Exception {
    ProxyProcess.requirePackages();
    HttpClient client = TestCertificate.create(folder).client();
    int[] ports = ProxyProcess.freePorts(2);
    String webSocket = "ws://127.0.0.1:" + ports[1];
    try (ConfigurableApplicationContext spring = spring(webSocket)) {
      int pages = spring.getEnvironment().getRequiredProperty("local.server.port", int.class);
      try (ProxyProcess nginx =
          ProxyProcess.nginx(folder, recipe(folder, ports[0], ports[1], pages), "", ports[0])) {
        String site = "https://localhost:" + ports[0];
        HttpRequest page = HttpRequest.newBuilder(URI.create(site + "/")).build();
        assertEquals(PAGE, client.send(page, BodyHandlers.ofString()).body(), nginx::said);
        assertEchoes(client, site);
        assertThrows(
            WebSocketHandshakeException.class,
            () -> Deadline.await(connect(client, site, "https://evil.example", null), "a refusal"));
        WebSocketServer bean = spring.getBean(WebSocketServer.class);
        assertTrue(bean.isRunning());
        BlockingQueue<Object> received = new LinkedBlockingQueue<>();
        Deadline.await(connect(client, site, site, received), "the handshake");
        SpringApplication.exit(spring);
        assertFalse(bean.isRunning());
        assertEquals(1001, Deadline.take(received, "the end"));
      }
    }
  }

  @Test
  void haproxyServesTheSameSite(@TempDir Path folder) throws Exception {
    ProxyProcess.requirePackages();
    HttpClient client = TestCertificate.create(folder).client();
    Path both = folder.resolve("both.pem");
    Files.writeString(both, Files.readString(folder.resolve("site.pem")));
    Files.writeString(both, Files.readString(folder.resolve("site.key")), APPEND);
    int port = ProxyProcess.freePorts(1)[0];
    try (Server server =
        Server.builder()
            .listen("ws://127.0.0.1:0")
            .trustProxies(TrustedProxies.of("127.0.0.1").withXForwarded())
            .route("/ws", (connection, message) -> connection.send(message))
            .start()) {
      String recipe =
          changed(
              blocks("docs/proxies.md", "haproxy").get(0),
              Map.of(
                  "bind :443 ssl crt /etc/ssl/example.com.pem",
                  "bind 127.0.0.1:" + port + " ssl crt " + both,
                  "127.0.0.1:9001",
                  "127.0.0.1:" + server.addresses().get(0).getPort()));
      try (ProxyProcess haproxy = ProxyProcess.haproxy(folder, recipe, port)) {
        String site = "https://localhost:" + port;
        assertEchoes(client, site);
        assertThrows(
            WebSocketHandshakeException.class,
            () -> Deadline.await(connect(client, site, "https://evil.example", null), "a refusal"),
            haproxy::said);
      }
    }
  }

  private static ConfigurableApplicationContext spring(String webSocket) {
    return new SpringApplicationBuilder(Application.class)
        .properties(
            Map.of(
                "server.port", "0",
                "websocket.address", webSocket,
                "spring.main.banner-mode", "off",
                "logging.level.root", "warn"))
        .run();
  }

  private static void assertEchoes(HttpClient client, String site) throws Exception {
    BlockingQueue<Object> received = new LinkedBlockingQueue<>();
    WebSocket socket = Deadline.await(connect(client, site, site, received), "the handshake");
    Deadline.await(socket.sendText("hello", true), "the text to be sent");
    assertEquals("hello", Deadline.take(received, "the echo"));
    socket.abort();
  }

  private static CompletionStage<WebSocket> connect(
      HttpClient client, String site, String origin, BlockingQueue<Object> received) {
    return client
        .newWebSocketBuilder()
        .header("Origin", origin)
        .buildAsync(URI.create(site.replaceFirst("^http", "ws") + "/ws"), new Listener(received));
  }

  private record Listener(BlockingQueue<Object> received) implements WebSocket.Listener {
    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
      received.add(text.toString());
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      received.add(code);
      return null;
    }
  }

  /** The server block with the second recipe's location in it. */
  private static String recipe(Path folder, int port, int webSocket, int pages) throws IOException {
    List<String> blocks = blocks("README.md", "nginx");
    assertEquals(2, blocks.size(), "blocks of nginx in the README");
    String server = blocks.get(0).strip();
    assertTrue(server.endsWith("}"), server);
    return changed(
        server.substring(0, server.length() - 1) + blocks.get(1) + "}\n",
        Map.of(
            "listen 443 ssl;", "listen 127.0.0.1:" + port + " ssl;",
            "/etc/ssl/example.com.pem", folder + "/site.pem",
            "/etc/ssl/example.com.key", folder + "/site.key",
            "127.0.0.1:9001", "127.0.0.1:" + webSocket,
            "127.0.0.1:8080", "127.0.0.1:" + pages));
  }

  /** A recipe with the ports and files of the test. */
  private static String changed(String recipe, Map<String, String> changes) {
    String own = recipe;
    for (Map.Entry<String, String> change : changes.entrySet()) {
      assertTrue(recipe.contains(change.getKey()), () -> change.getKey() + " is not in " + recipe);
      own = own.replace(change.getKey(), change.getValue());
    }
    return own;
  }

  private static List<String> blocks(String page, String language) throws IOException {
    return Pattern.compile("(?s)```" + language + "\n(.*?)```")
        .matcher(Files.readString(HOME.resolve(page)))
        .results()
        .map((MatchResult match) -> match.group(1))
        .toList();
  }
}
