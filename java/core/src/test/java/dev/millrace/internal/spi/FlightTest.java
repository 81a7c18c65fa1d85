// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.Engine;
import dev.millrace.SendOptions;
import dev.millrace.Server;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What is counted before it is told, and a virtual machine without a Flight Recorder. */
@Timeout(60)
class FlightTest {

  @Test
  void aFloodOfDropsIsOneEventWithItsCount(@TempDir Path folder) throws Exception {
    try (Recording recording = new Recording()) {
      recording.start();
      Tally tally = new Tally();
      for (int i = 0; i < 100_000; i++) {
        tally.add(Tally.Count.DROPPED_OLDEST);
      }
      tally.add(Tally.Count.REPLACED, 7);
      tally.add(Tally.Count.REFUSED);
      Flight.flush();
      recording.stop();
      Path file = folder.resolve("drops.jfr");
      recording.dump(file);
      long oldest = 0;
      long replaced = 0;
      int events = 0;
      for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
        if (event.getEventType().getName().equals("dev.millrace.MessagesDropped")) {
          events++;
          switch (event.getString("policy")) {
            case "drop_oldest" -> oldest += event.getLong("count");
            case "replaced" -> replaced += event.getLong("count");
            default -> throw new AssertionError(event);
          }
        }
      }
      assertEquals(100_000, oldest);
      assertEquals(7, replaced);
      // A watchdog of another test may have told a part.
      assertTrue(events < 100, "events: " + events);
    }
  }

  @Test
  void policiesAreCalledAsTheyAre(@TempDir Path folder) throws Exception {
    try (Recording recording = new Recording()) {
      recording.start();
      Tally tally = new Tally();
      for (Tally.Count count : Tally.Count.values()) {
        tally.add(count);
      }
      Flight.flush();
      recording.stop();
      Path file = folder.resolve("policies.jfr");
      recording.dump(file);
      Set<String> told = new TreeSet<>(Set.of("refuse")); // which has no event
      for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
        if (event.getEventType().getName().equals("dev.millrace.MessagesDropped")) {
          told.add(event.getString("policy"));
        }
      }
      Set<String> expected = new TreeSet<>(Set.of("replaced"));
      for (SendOptions.Policy policy : SendOptions.Policy.values()) {
        expected.add(policy.name().toLowerCase(Locale.ROOT));
      }
      assertEquals(expected, told);
    }
  }

  @Test
  void serversRunWithoutTheModule() throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--limit-modules", "java.base,java.logging,jdk.net"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Program.class.getName()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes());
    assertEquals(0, process.waitFor(), output);
    assertTrue(output.contains("recorder=false echo=ripple"), output);
  }

  /** Echoes one message, drops another, and is refused once. */
  static final class Program {
    public static void main(String[] arguments) throws Exception {
      boolean recorder = ModuleLayer.boot().findModule("jdk.jfr").isPresent();
      try (Server server =
              Server.builder()
                  .engine(Engine.JAVA)
                  .listen("ws://127.0.0.1:0")
                  .route("/", (connection, message) -> connection.send(message))
                  .start();
          Client client = Client.builder().engine(Engine.JAVA).build();
          BlockingConnection connection = client.open(server.addresses().get(0))) {
        connection.send("ripple");
        System.out.println("recorder=" + recorder + " echo=" + connection.receive().text());
        new Tally().add(Tally.Count.DROPPED_OLDEST);
        Flight.flush();
      }
    }
  }
}
