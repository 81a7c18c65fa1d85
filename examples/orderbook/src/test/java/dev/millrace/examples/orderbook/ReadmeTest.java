// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Reconnect;
import dev.millrace.Server;
import dev.millrace.examples.orderbook.wire.Canceled;
import dev.millrace.examples.orderbook.wire.Event;
import dev.millrace.examples.orderbook.wire.MarketMessage;
import dev.millrace.examples.orderbook.wire.OrderMessage;
import dev.millrace.flatbuffers.FlatBuffers;
import dev.millrace.flatbuffers.Schema;
import dev.millrace.flatbuffers.TypedHandler;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The Java in README.md is code that compiles and runs. */
class ReadmeTest {
  private static final Path HOME = Path.of(System.getProperty("millrace.home", "../.."));
  private static final Pattern JAVA_BLOCK = Pattern.compile("(?s)```java\n(.*?)```");

  @Test
  void theServerIsTheQuickstart() throws IOException {
    Path quickstart =
        HOME.resolve("examples/quickstart-maven/src/main/java/quickstart/Quickstart.java");
    String source = Files.readString(quickstart);
    assertEquals(source.substring(source.indexOf("import ")), readmeBlocks().get(0));
  }

  @Test
  void theFlatBuffersExampleAnswersAnOrder() throws Exception {
    byte[] bfbs;
    try (InputStream schema = ReadmeTest.class.getResourceAsStream("orders.bfbs")) {
      bfbs = schema.readAllBytes();
    }
    // README
    Schema<OrderMessage> schema = Schema.load(bfbs, OrderMessage::getRootAsOrderMessage);
    Handler orders =
        TypedHandler.of(
            schema,
            (connection, order) -> {
              try (Lease lease = connection.lease(256)) {
                FlatBufferBuilder builder = FlatBuffers.builder(lease);
                int event = Canceled.createCanceled(builder, order.correlation(), 0);
                int answer =
                    MarketMessage.createMarketMessage(
                        builder, order.correlation(), order.sentAt(), Event.Canceled, event);
                MarketMessage.finishMarketMessageBuffer(builder, answer);
                connection.send(FlatBuffers.finish(builder, lease));
              }
            });
    // README
    assertEquals(partBetweenMarks(1), unindented(readmeBlocks().get(1)));

    try (Server server =
        Server.builder()
            .engine(Engine.NATIVE)
            .listen("ws://127.0.0.1:0")
            .route("/market", orders)
            .start()) {
      URI address = server.addresses().get(0);
      try (Trader trader = new Trader(HttpClient.newHttpClient(), address)) {
        trader.send(Orders.cancel(7, 12));
        MarketMessage answer = trader.await(message -> message.correlation() == 7);
        assertEquals(Event.Canceled, answer.eventType());
        Canceled canceled = (Canceled) answer.event(new Canceled());
        assertEquals(7, canceled.order());
        assertEquals(12.5, answer.sentAt());
      }
    }
  }

  @Test
  void theClientConnects() throws Exception {
    BlockingQueue<String> quotes = new LinkedBlockingQueue<>();
    try (Server server =
        Server.builder()
            .loops(1) // so that the second echo comes behind the first
            .listen("ws://127.0.0.1:0")
            .route("/echo", (connection, message) -> connection.send(message))
            .start()) {
      URI uri = server.addresses().get(0).resolve("/echo");
      // README
      Reconnect policy = Reconnect.backoff(Duration.ofMillis(200), Duration.ofSeconds(30));
      try (Client client = Client.builder().reconnect(policy).build()) {
        Connection feed =
            client
                .connect(uri, (connection, message) -> quotes.add(message.text()))
                .toCompletableFuture()
                .join();
        feed.send("subscribe");

        try (BlockingConnection chat = client.open(uri)) { // for scripts and virtual threads
          chat.send("hello");
          String reply = chat.receive().text();
          quotes.add(reply);
        }
      }
      // README
    }
    assertEquals(partBetweenMarks(3), unindented(readmeBlocks().get(2)));
    assertEquals(Set.of("subscribe", "hello"), Set.copyOf(quotes));
  }

  private static List<String> readmeBlocks() throws IOException {
    String readme = Files.readString(HOME.resolve("README.md"));
    return JAVA_BLOCK.matcher(readme).results().map(match -> match.group(1)).toList();
  }

  private static String partBetweenMarks(int part) throws IOException {
    String type = ReadmeTest.class.getName().replace('.', '/');
    Path source = HOME.resolve("examples/orderbook/src/test/java/" + type + ".java");
    return unindented(Files.readString(source).split(" // README\n")[part]);
  }

  private static String unindented(String code) {
    return code.lines().map(String::strip).collect(Collectors.joining("\n")).strip();
  }
}
