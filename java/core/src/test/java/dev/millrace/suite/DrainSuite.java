// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Limits;
import dev.millrace.Server;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The end of a server: who is told when, and what it waits for. */
public abstract class DrainSuite extends EngineSuite {

  private final Recorder recorder = new Recorder();

  private static Duration millis(long millis) {
    return Duration.ofMillis(millis);
  }

  private Server startRecording(int loops) throws Exception {
    return start(server().loops(loops).route("/", recorder).route("/echo", ECHO));
  }

  /** When each of some clients was told to go; all answer at once. */
  private final class Told {
    private final Elapsed elapsed = Elapsed.begin();
    private final Queue<Duration> times = new ConcurrentLinkedQueue<>();
    private final CountDownLatch first = new CountDownLatch(1);
    private final List<Task> clients = new ArrayList<>();

    void add(RawClient client) {
      clients.add(
          Task.start(
              "client " + clients.size(),
              () -> {
                client.expectClose(CloseCode.GOING_AWAY);
                times.add(elapsed.time());
                first.countDown();
                client.write(Frame.close(CloseCode.GOING_AWAY, ""));
                client.expectEnd();
                client.close();
              }));
    }

    List<Duration> await() throws Exception {
      for (Task client : clients) {
        client.join();
      }
      return times.stream().sorted().toList();
    }
  }

  @Test
  void goingAwayIsSpreadOverHalfOfTheTime() throws Exception {
    int count = 5;
    Server server = startRecording(1);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      clients.add(connect(server));
    }
    Told told = new Told();
    clients.forEach(told::add);
    server.shutdown(Duration.ofSeconds(2));
    Duration taken = told.elapsed.time();
    List<Duration> times = told.await();
    for (int i = 0; i < count; i++) {
      Duration due = millis(1000L * i / count);
      Duration at = times.get(i);
      assertTrue(at.compareTo(due.minusMillis(1)) >= 0, "Close " + i + " early: " + times);
      assertTrue(at.compareTo(due.plusMillis(500)) < 0, "Close " + i + " late: " + times);
    }
    assertTrue(taken.compareTo(millis(1700)) < 0, "waited for nobody: " + taken);
    for (int i = 0; i < count; i++) {
      CloseReason reason = recorder.awaitClose();
      assertEquals(CloseCode.GOING_AWAY, reason.code());
      assertEquals(Initiator.LOCAL, reason.initiator());
    }
  }

  /** Each loop spreads its own: together they are no faster. */
  @Test
  void everyLoopSpreadsItsOwn() throws Exception {
    int count = 8;
    Server server = startRecording(2);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      clients.add(connect(server));
    }
    Told told = new Told();
    clients.forEach(told::add);
    server.shutdown(Duration.ofSeconds(1));
    List<Duration> times = told.await();
    // The least that is spread: a loop that holds half of them sends its last at 3/4 of the time.
    assertTrue(times.get(count - 1).compareTo(millis(374)) >= 0, "all at once: " + times);
    assertTrue(times.get(count - 1).compareTo(millis(1000)) < 0, "too late: " + times);
    assertTrue(times.get(0).compareTo(millis(500)) < 0, "the first came late: " + times);
  }

  @Test
  void closeTellsAllAtOnce() throws Exception {
    Server server = startRecording(2);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      clients.add(connect(server));
    }
    Told told = new Told();
    clients.forEach(told::add);
    server.close();
    List<Duration> times = told.await();
    assertTrue(times.get(19).compareTo(millis(1500)) < 0, "one was told late: " + times);
  }

  /**
   * From the start on nobody new comes in, and whoever has not had its turn is served as before.
   */
  @Test
  void untilItsTurnAConnectionIsServed() throws Exception {
    Server server = startRecording(1);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      clients.add(connect(server, "/echo"));
    }
    RawClient early = open(server); // accepted, but has asked for nothing yet
    RawClient half = open(server).write(UpgradeRequestText.to("/").bytes(), 0, 30);
    connect(server, "/echo").close(); // whoever was accepted before this one is there
    Deadline.until(() -> server.connectionCount() == 3, "three connections");
    CountDownLatch told = new CountDownLatch(1);
    AtomicInteger served = new AtomicInteger();
    List<Task> tasks = new ArrayList<>();
    for (RawClient client : clients) {
      tasks.add(
          Task.start(
              "client",
              () -> {
                for (int i = 0; ; i++) {
                  client.write(Frame.text("message " + i));
                  ServerFrame answer = client.readFrame();
                  if (answer.opcode() == Frame.CLOSE) {
                    assertEquals(CloseCode.GOING_AWAY, answer.closeCode());
                    told.countDown();
                    client.write(Frame.close(CloseCode.GOING_AWAY, ""));
                    client.expectEnd();
                    client.close();
                    return;
                  }
                  assertEquals("message " + i, answer.text());
                  if (told.getCount() == 0) {
                    served.incrementAndGet();
                  }
                }
              }));
    }
    Task shutdown = Task.start("shutdown", () -> server.shutdown(Duration.ofSeconds(2)));
    Deadline.await(told, "the first Close");
    assertThrows(IOException.class, () -> connect(server), "somebody new was let in");
    early.write(UpgradeRequestText.to("/").bytes());
    byte[] request = UpgradeRequestText.to("/").bytes();
    half.write(request, 30, request.length);
    assertEquals(503, early.readResponse().status());
    assertEquals(503, half.readResponse().status());
    early.expectEnd();
    half.expectEnd();
    for (Task task : tasks) {
      task.join();
    }
    shutdown.join();
    assertTrue(served.get() > 10, "messages answered before their turn: " + served);
    assertEquals(0, recorder.count("open"));
  }

  /** One is told at once; the others do not wait for their turn, which would come much later. */
  @Test
  void theLastOnesGoingEndsTheServer() throws Exception {
    Server server = startRecording(1);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      clients.add(connect(server));
    }
    Elapsed elapsed = Elapsed.begin();
    Task shutdown = Task.start("shutdown", () -> server.shutdown(Duration.ofSeconds(60)));
    for (RawClient client : clients) {
      client.write(Frame.close(1000, "")).awaitGone();
      client.close();
    }
    shutdown.join();
    assertTrue(elapsed.time().compareTo(Duration.ofSeconds(5)) < 0, "took " + elapsed.time());
  }

  @Test
  void whoDoesNotAnswerIsCutWhenTheTimeIsOver() throws Exception {
    Duration drain = millis(400);
    Limits limits = Limits.defaults().withCloseTimeout(Duration.ofMinutes(1));
    Server server = start(server().limits(limits).route("/", recorder));
    for (int i = 0; i < 4; i++) {
      connect(server);
    }
    Elapsed elapsed = Elapsed.begin();
    server.shutdown(drain);
    elapsed.assertDue(drain, "the end of the server");
    for (int i = 0; i < 4; i++) {
      assertEquals(CloseCode.GOING_AWAY, recorder.awaitClose().code());
    }
    assertEquals(0, server.connectionCount());
  }

  /** The time that is left, not the spread, says when the rest is told. */
  @Test
  void shutdownWithoutTimeCutsAtOnce() throws Exception {
    Server server = startRecording(2);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      clients.add(connect(server));
    }
    Elapsed elapsed = Elapsed.begin();
    server.shutdown(Duration.ZERO);
    assertTrue(elapsed.time().compareTo(millis(1500)) < 0, "took " + elapsed.time());
    for (RawClient client : clients) {
      client.awaitGone();
      recorder.awaitClose();
    }
  }
}
