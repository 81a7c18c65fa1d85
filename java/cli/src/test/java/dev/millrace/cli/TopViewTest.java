// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class TopViewTest {

  private static final String COUNTS =
      """
      "seconds":2.0,"busyRatio":0.5,"eventsPerTick":3.25,"opened":20,"closed":10,
      "messagesReceived":2469134,"messagesSent":2000,"bytesReceived":2097152,"bytesSent":10,
      "systemCalls":4000,"replaced":6,"dropped":{"refuse":8,"dropOldest":2,"dropNewest":4},
      "upgrades":{"accepted":20,"notFound":14},"closes":{"1000":7,"1006":3},
      "counters":{"ticks":1000},
      "queueTime":{"count":5,"p50":999,"p90":1500,"p99":2500000,"p99.9":3e9,"max":4e9},
      "handlerTime":{"count":0},"roundTrip":{"count":0}
      """;

  private static String document(int loops, int queues) {
    return document(loops, queues, "/feed\\u001b[2J", "al***");
  }

  private static String document(int loops, int queues, String path, String peer) {
    String loop = "{\"connections\":5,\"outboundBytesQueued\":1024,\"blocked\":1}";
    String queue =
        "{\"id\":\"8000011ce1c0a000\",\"path\":\""
            + path
            + "\",\"peer\":\""
            + peer
            + "\",\"address\":\"192.168.100.100:65535\",\"queuedBytes\":1048576,\"queuedMessages\":12}";
    return "{\"version\":1,\"engine\":\"java\",\"addresses\":[\"ws://h:1\"],\"loops\":"
        + loops
        + ",\"connections\":12345,\"queuedBytes\":5120,\"memoryInUse\":26214400,"
        + "\"memoryLimit\":104857600,\"pinnedBytes\":80793,\"total\":{"
        + COUNTS
        + "},\"recent\":{"
        + COUNTS
        + "},\"byLoop\":["
        + String.join(",", Collections.nCopies(loops, loop))
        + "],\"deepestQueues\":["
        + String.join(",", Collections.nCopies(queues, queue))
        + "],\"silentLoops\":[]}";
  }

  private static List<String> view(int loops, int queues, int width, int height) {
    return TopView.of("/run/x", TopDocument.read(document(loops, queues)), width, height);
  }

  private static void assertShows(List<String> lines, String pattern) {
    assertTrue(
        lines.stream().anyMatch(line -> line.matches(pattern)),
        () -> pattern + " in\n" + String.join("\n", lines));
  }

  @Test
  void showsRatesPercentilesCodesQueuesAndMemory() {
    List<String> lines = view(2, 1, 80, 24);
    assertShows(lines, "millrace top  /run/x  engine=java loops=2 up=0:00:02");
    assertShows(lines, "connections +12,345 +opened +10/s +closed +5/s +refused +7/s");
    assertShows(lines, "system calls +2,000/s +ticks +500/s +events per tick 3\\.3 +busy 50%");
    assertShows(lines, "received +1\\.23M/s +1\\.0 MiB/s +sent +1,000/s +5 B/s");
    assertShows(lines, "queued +5\\.0 KiB +refused +4/s +dropped +3/s +replaced +3/s");
    assertShows(
        lines, "memory \\[#{6}\\.{18}] 25\\.0 MiB of 100 MiB \\(25\\.0%\\)  pinned 78\\.9 KiB");
    assertShows(lines, "queue +999 ns +1\\.5 us +2\\.5 ms +3\\.0 s +4\\.0 s +5");
    assertShows(lines, "handler +- +- +- +- +- +0");
    assertShows(lines, "closes +1000 7 +1006 3");
    assertShows(lines, "loop 1 +connections +5 .*");
    assertShows(lines, "[0-9a-f]{16} +1\\.0 MiB +12 +0 +0 B +/feed\\\\x1b\\[2J.*");
  }

  @Test
  void numbersOfLoopsAreWhole() {
    TopDocument silent = TopDocument.read("{\"version\":1,\"silentLoops\":[1,20]}");
    assertEquals(List.of("1", "20"), silent.texts("silentLoops"));
  }

  @Test
  void fitsWhateverTheTerminalIs() {
    for (int width : new int[] {20, 40, 80, 200}) {
      for (int height : new int[] {1, 10, 24, 60}) {
        List<String> lines = view(64, 20, width, height);
        assertTrue(lines.size() <= height);
        lines.forEach(line -> assertTrue(TerminalText.columns(line) <= width, line));
      }
    }
    // The queues are seen at 80 columns and 24 rows, however many loops there are.
    assertShows(view(64, 20, 80, 23), "[0-9a-f]{16} .*");
  }

  @Test
  void aLongPathHidesNoPeer() {
    String address = "192\\.168\\.100\\.100:65535";
    for (String path : List.of("/" + "long".repeat(100), "/" + "\u9577".repeat(100))) {
      for (int width : new int[] {80, 100}) {
        List<String> lines =
            TopView.of("/run/x", TopDocument.read(document(1, 1, path, "")), width, 24);
        assertShows(lines, "[0-9a-f]{16} .* /\\S*\u2026 " + address);
        lines.forEach(line -> assertTrue(TerminalText.columns(line) <= width, line));
      }
    }
    List<String> lines = TopView.of("/run/x", TopDocument.read(document(1, 1, "/a", "")), 80, 24);
    assertShows(lines, "[0-9a-f]{16} .* /a " + address);
  }

  @Test
  void numbersAreShort() {
    assertEquals("0", TopView.count(0));
    assertEquals("0.3", TopView.count(0.25 + 0.01));
    assertEquals("999,999", TopView.count(999_999));
    assertEquals("1.00M", TopView.count(1e6));
    assertEquals("12.30G", TopView.count(12.3e9));
    assertEquals("999 B", TopView.bytes(999));
    assertEquals("1.0 KiB", TopView.bytes(1024));
    assertEquals("1.5 us", TopView.duration(1500));
  }
}
