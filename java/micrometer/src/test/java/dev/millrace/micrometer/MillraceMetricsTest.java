// SPDX-License-Identifier: Apache-2.0
package dev.millrace.micrometer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.Engine;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.search.Search;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The meters against what was done on the Java engine. */
@Timeout(60)
class MillraceMetricsTest {

  private static final int MESSAGES = 128;

  private static double sum(Search of) {
    return of.meters().stream()
        .mapToDouble(meter -> meter.measure().iterator().next().getValue())
        .sum();
  }

  @Test
  void metersSayWhatWasDone() throws Exception {
    MeterRegistry registry = new SimpleMeterRegistry();
    try (Server server =
            Server.builder()
                .engine(Engine.JAVA)
                .loops(2)
                .listen("ws://127.0.0.1:0")
                .route("/", (connection, message) -> connection.send(message))
                .start();
        Client client = Client.builder().engine(Engine.JAVA).build()) {
      new MillraceMetrics(server, Tags.of("name", "one")).bindTo(registry);
      new MillraceMetrics(client).bindTo(registry);
      BlockingConnection connection = client.open(server.addresses().get(0));
      for (int i = 0; i < MESSAGES; i++) {
        connection.send("m" + i);
        assertEquals("m" + i, connection.receive().text());
      }
      Search ofServer = registry.find("millrace.messages.sent").tag("role", "server");
      Deadline.until(() -> sum(ofServer) == MESSAGES, "the server's messages");
      Search ofClient = registry.find("millrace.messages.received").tag("role", "client");
      Deadline.until(() -> sum(ofClient) == MESSAGES, "the client's messages");
      assertEquals(1, sum(registry.find("millrace.connections").tag("name", "one")));
      assertEquals(1, sum(registry.find("millrace.upgrades").tag("result", "accepted")));
      assertEquals(0, sum(registry.find("millrace.upgrades").tag("result", "origin")));
      assertTrue(
          registry
                  .get("millrace.handler.time")
                  .tag("role", "server")
                  .tag("quantile", "1.0")
                  .timeGauge()
                  .value(TimeUnit.NANOSECONDS)
              > 0);
      assertTrue(sum(registry.find("millrace.memory.limit").tag("role", "server")) > 0);

      connection.connection().close(4001, "");
      connection.close();
      Search closed =
          registry
              .find("millrace.connections.closed")
              .tag("code", "4000-4999")
              .tag("role", "server");
      Deadline.until(() -> sum(closed) == 1, "the close");
    }
  }

  @Test
  void nothingToMeasureIsNamed() {
    assertEquals(
        "server",
        assertThrows(NullPointerException.class, () -> new MillraceMetrics((Server) null))
            .getMessage());
    assertEquals(
        "client",
        assertThrows(NullPointerException.class, () -> new MillraceMetrics((Client) null))
            .getMessage());
  }

  /** Names by the convention of Micrometer, and so few values of each tag that nothing explodes. */
  @Test
  void namesAreConventionalAndTagsAreBounded() throws Exception {
    MeterRegistry registry = new SimpleMeterRegistry();
    try (Server server =
        Server.builder().engine(Engine.JAVA).loops(3).listen("ws://127.0.0.1:0").start()) {
      new MillraceMetrics(server).bindTo(registry);
    }
    Map<String, Set<String>> values = new TreeMap<>();
    for (Meter meter : registry.getMeters()) {
      String name = meter.getId().getName();
      assertTrue(name.matches("millrace(\\.[a-z]+)+"), name);
      meter
          .getId()
          .getTags()
          .forEach(
              tag ->
                  values.computeIfAbsent(tag.getKey(), any -> new TreeSet<>()).add(tag.getValue()));
    }
    assertEquals(
        Set.of("area", "cause", "code", "loop", "policy", "quantile", "result", "role"),
        values.keySet());
    assertEquals(3, values.get("loop").size());
    assertEquals(19, values.get("code").size());
    values.forEach((tag, of) -> assertTrue(of.size() <= 19, tag + of));
  }
}
