// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.Server;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a recording of the Flight Recorder shows of a server. */
public abstract class FlightSuite extends EngineSuite {

  private static final Duration THRESHOLD = Duration.ofMillis(40);

  // A short end, because some clients do not take part in it.
  private static final Limits LIMITS =
      Limits.defaults()
          .withBlockedLoopThreshold(THRESHOLD)
          .withCloseTimeout(Duration.ofMillis(100));

  private final CountDownLatch goOn = new CountDownLatch(1);

  @TempDir Path folder;

  @AfterEach
  final void letGo() {
    goOn.countDown();
  }

  private List<RecordedEvent> events(Recording recording) throws IOException {
    Path file = folder.resolve("recording.jfr");
    recording.dump(file);
    return RecordingFile.readAllEvents(file).stream()
        .filter(event -> event.getEventType().getName().startsWith("dev.millrace."))
        .toList();
  }

  private static List<RecordedEvent> named(List<RecordedEvent> events, String name) {
    return events.stream()
        .filter(event -> event.getEventType().getName().equals("dev.millrace." + name))
        .toList();
  }

  private static List<RecordedEvent> of(List<RecordedEvent> events, String field, Object value) {
    return events.stream().filter(event -> value.equals(event.getValue(field))).toList();
  }

  @Test
  void aRecordingShowsWhatBecameOfConnections() throws Exception {
    muteLog();
    String path = "/flight-" + getClass().getSimpleName();
    Recorder recorder = new Recorder();
    Server server =
        start(
            server()
                .limits(LIMITS)
                .route(path, recorder)
                .route(
                    path + "/slow",
                    (connection, message) -> {
                      goOn.await();
                      connection.send(message);
                    }));
    try (Recording recording = new Recording()) {
      recording.start();
      String id;
      try (RawClient client = connect(server, path)) {
        Connection connection = recorder.awaitOpen();
        id = Long.toHexString(connection.id());
        client.write(Frame.close(4242, "")).expectCloseAndEnd(4242);
      }
      recorder.awaitClose();
      try (RawClient client = open(server)) {
        client.write(UpgradeRequestText.to(path + "/nowhere").bytes());
        assertEquals(404, client.readResponse().status());
      }
      RawClient slow = connect(server, path + "/slow");
      slow.write(Frame.text("block"));
      Deadline.until(() -> server.statistics().get(0).blocked() > 0, "the loop is found blocked");
      goOn.countDown();
      slow.expectText("block");
      recording.stop();

      List<RecordedEvent> events = events(recording);
      List<RecordedEvent> opened = of(named(events, "ConnectionOpened"), "connection", id);
      assertEquals(1, opened.size(), events::toString);
      assertEquals(path, opened.get(0).getString("path"));
      List<RecordedEvent> closed = of(named(events, "ConnectionClosed"), "connection", id);
      assertEquals(1, closed.size(), events::toString);
      assertEquals(4242, closed.get(0).getInt("code"));
      assertEquals("peer", closed.get(0).getString("initiator"));
      List<RecordedEvent> refused = of(named(events, "UpgradeRefused"), "path", path + "/nowhere");
      assertEquals(1, refused.size(), events::toString);
      assertEquals("not_found", refused.get(0).getString("result"));
      List<RecordedEvent> blocked = named(events, "LoopBlocked");
      assertFalse(blocked.isEmpty(), events::toString);
      assertTrue(
          blocked.stream().anyMatch(e -> e.getDuration("blockedFor").compareTo(THRESHOLD) >= 0));
    }
  }

  /** Of a server with so little memory that many messages in pieces are more than it has. */
  @Test
  void aRecordingShowsThatMemoryWasRefused() throws Exception {
    muteLog();
    Server server =
        start(
            server()
                .limits(LIMITS.withRegionBytes(16 << 20).withMaxMessageBytes(4 << 20))
                .route("/", ECHO));
    try (Recording recording = new Recording()) {
      recording.start();
      byte[] unfinished = Frame.binary(new byte[4 << 20]).bytes();
      for (int i = 0; i < 8; i++) {
        RawClient client = connect(server);
        client.writeMeanwhile(Arrays.copyOf(unfinished, unfinished.length - 1));
      }
      Deadline.until(() -> server.connectionCount() < 8, "somebody gives way");
      // The watchdog tells, in its own time; and once more when its last loop has gone.
      server.close();
      recording.stop();
      assertFalse(named(events(recording), "MemoryRefused").isEmpty());
    }
  }
}
