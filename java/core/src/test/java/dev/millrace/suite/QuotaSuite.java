// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Client;
import dev.millrace.CloseCode;
import dev.millrace.Connection;
import dev.millrace.HandlerExecutor;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/**
 * Quotas of messages and bytes a second: a burst of one second, then never more than the rate
 * allows, and nothing lost. What is asserted of time is what cannot be earlier.
 */
public abstract class QuotaSuite extends ClientEngineSuite {

  private static final double NANOS = 1e9;

  private static final Limits LIMITS =
      Limits.defaults()
          .withPingInterval(Duration.ZERO)
          .withWriteTimeout(Duration.ZERO)
          .withCloseTimeout(Duration.ofMinutes(10));

  private final Recorder recorder = new Recorder();

  private Server start(Limits limits) throws Exception {
    return start(server().limits(limits).route("/", recorder).route("/probe", ECHO));
  }

  private static String text(int number) {
    return "message " + number;
  }

  private static byte[] texts(int count) {
    Frame[] frames = new Frame[count];
    Arrays.setAll(frames, number -> Frame.text(text(number)));
    return RawClient.bytesOf(frames);
  }

  private void expectNext(int number) throws Exception {
    byte[] payload = recorder.awaitMessage().payload();
    assertEquals(text(number), new String(payload, StandardCharsets.UTF_8));
  }

  private static LoopStatistics statistics(Server server) {
    return server.statistics().get(0);
  }

  private static long most(double rate, Elapsed elapsed) {
    return (long) (rate + rate * elapsed.time().toNanos() / NANOS) + 1;
  }

  @WaitingTest
  void noMoreMessagesThanTheBurstAndTheRateAllow() throws Exception {
    int rate = 200;
    int count = 400;
    Server server = start(LIMITS.withMaxMessagesPerSecond(rate));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    client.write(texts(count));
    for (int number = 0; number < count; number++) {
      expectNext(number);
      long delivered = recorder.deliveries();
      long most = most(rate, elapsed);
      assertTrue(delivered <= most, "delivered " + delivered + " of at most " + most);
    }
    elapsed.assertNotBefore(Duration.ofSeconds(1), "twice the messages of a second");
    assertTrue(statistics(server).quotaStops() > 0);
    // No wake for each message.
    assertTrue(statistics(server).quotaStops() <= 110, () -> statistics(server).toString());
    assertEquals(count, recorder.deliveries());
    assertEquals(0, statistics(server).inboundBytesPinned());
  }

  @WaitingTest
  void noMoreBytesThanTheBurstAndTheRateAllow() throws Exception {
    int rate = 100_000;
    int length = 1000;
    int count = 200;
    Server server = start(LIMITS.withMaxBytesPerSecond(rate));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    byte[][] frames = new byte[count][];
    Arrays.setAll(frames, i -> Frame.binary(Stamp.of(3, 0, i, length - 12)).bytes());
    client.write(Frame.join(frames));
    for (int i = 0; i < count; i++) {
      byte[] payload = recorder.awaitMessage().payload();
      assertEquals(i, Stamp.sequenceOf(payload));
      Stamp.check(payload, 3);
      long delivered = (long) recorder.deliveries() * length;
      long most = most(rate, elapsed) + length;
      assertTrue(delivered <= most, "delivered " + delivered + " of at most " + most);
    }
    elapsed.assertNotBefore(Duration.ofMillis(989), "twice the bytes of a second");
    assertTrue(statistics(server).quotaStops() > 0);
  }

  /** It is taken whole, and the next waits until it is paid for. */
  @WaitingTest
  void longMessageIsPaidForBehindIt() throws Exception {
    Server server = start(LIMITS.withMaxBytesPerSecond(100_000));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    byte[] large = Stamp.of(1, 1, 1, 188_000);
    client.write(Frame.binary(large), Frame.ping("behind"), Frame.text(text(1)));
    assertTrue(Arrays.equals(large, recorder.awaitMessage().payload()));
    assertEquals(1, recorder.deliveries());
    expectNext(1);
    elapsed.assertNotBefore(Duration.ofMillis(880), "the message behind a long one");
    client.expectPongs("behind");
    assertEquals(1, statistics(server).quotaStops());
  }

  @Test
  void readingStopsAndGoesOn() throws Exception {
    int rate = 1 << 20;
    int length = 16 << 10;
    Server server = start(LIMITS.withMaxBytesPerSecond(rate));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    byte[][] frames = new byte[3000][];
    Arrays.setAll(frames, i -> Frame.binary(Stamp.of(5, 0, i, length - 12)).bytes());
    CompletableFuture<Void> writing = client.writeMeanwhile(Frame.join(frames));
    for (int i = 0; i < 80; i++) { // a burst of 64, and more
      byte[] payload = recorder.awaitMessage().payload();
      assertEquals(i, Stamp.sequenceOf(payload));
      Stamp.check(payload, 5);
      long received = statistics(server).bytesReceived();
      long most = most(rate, elapsed) + (512 << 10);
      assertTrue(received <= most, "received " + received + " of at most " + most);
      assertTrue(connection.pinnedBytes() <= (256 << 10), "pinned too much");
    }
    assertFalse(writing.isDone(), "48 MiB fit into the kernel");
    connection.close(CloseCode.GOING_AWAY, "");
    client.reset();
    Deadline.await(writing.handle((done, cut) -> true), "the end of the write");
    recorder.awaitClose();
    awaitNoConnections(server);
    assertEquals(0, statistics(server).inboundBytesPinned());
  }

  /** What a client allows its servers. */
  @WaitingTest
  void clientsHaveThemToo() throws Exception {
    int rate = 100;
    Recorder sender = new Recorder();
    Server server = start(server().route("/", sender));
    Client client = start(client().limits(LIMITS.withMaxMessagesPerSecond(rate)));
    Elapsed elapsed = Elapsed.begin();
    connect(client, address(server), recorder);
    Connection other = sender.awaitOpen();
    for (int number = 0; number < 150; number++) {
      assertEquals(SendResult.ACCEPTED, other.send(text(number)));
    }
    for (int number = 0; number < 150; number++) {
      expectNext(number);
      long delivered = recorder.deliveries();
      long most = most(rate, elapsed);
      assertTrue(delivered <= most, "delivered " + delivered + " of at most " + most);
    }
    elapsed.assertNotBefore(Duration.ofMillis(490), "half a second beyond the burst");
  }

  @Test
  void eachConnectionHasItsOwn() throws Exception {
    Server server = start(LIMITS.withMaxMessagesPerSecond(50));
    RawClient greedy = connect(server);
    greedy.write(texts(2000));
    for (int number = 0; number < 50; number++) {
      expectNext(number);
    }
    RawClient modest = connect(server, "/probe");
    for (int number = 0; number < 50; number++) {
      modest.write(Frame.text(text(number)));
      modest.expectText(text(number));
    }
    assertTrue(recorder.deliveries() < 2000);
  }

  @Test
  void whoStaysBelowIsNeverStopped() throws Exception {
    Server server = start(LIMITS.withMaxMessagesPerSecond(1000).withMaxBytesPerSecond(1 << 20));
    RawClient client = connect(server, "/probe");
    for (int number = 0; number < 900; number++) {
      client.write(Frame.text(text(number)));
      client.expectText(text(number));
    }
    assertEquals(0, statistics(server).quotaStops());
    assertEquals(0, statistics(server).creditStops());
  }

  @WaitingTest
  void creditsAndPausesHoldBesides() throws Exception {
    Server server = start(LIMITS.withMaxMessagesPerSecond(20));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.request(25);
    client.write(texts(60));
    for (int number = 0; number < 25; number++) {
      expectNext(number);
    }
    connection.pause();
    Elapsed elapsed = Elapsed.begin();
    connection.request(100);
    CompletableFuture<Integer> later = new CompletableFuture<>();
    connection.schedule(() -> later.complete(recorder.deliveries()), Duration.ofMillis(300));
    assertEquals(25, Deadline.await(later, "a while of rest"));
    connection.resume();
    for (int number = 25; number < 46; number++) {
      expectNext(number);
      long delivered = recorder.deliveries() - 25;
      long most = most(20, elapsed);
      assertTrue(delivered <= most, "delivered " + delivered + " of at most " + most);
    }
  }

  @Test
  void ourCloseDoesNotWaitForIt() throws Exception {
    Server server = start(LIMITS.withMaxMessagesPerSecond(1));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(Frame.join(texts(100), Frame.close(CloseCode.GOING_AWAY, "").bytes()));
    expectNext(0);
    connection.close(CloseCode.GOING_AWAY, "");
    client.expectCloseAndEnd(CloseCode.GOING_AWAY);
    client.close();
    assertEquals(CloseCode.GOING_AWAY, recorder.awaitClose().code());
    awaitNoConnections(server);
    assertEquals(0, statistics(server).inboundBytesPinned());
  }

  @WaitingTest
  void peersFinIsSeenBehindWhatWaits() throws Exception {
    Server server = start(LIMITS.withMaxMessagesPerSecond(20));
    RawClient client = connect(server);
    client.write(texts(30));
    client.close();
    for (int number = 0; number < 30; number++) {
      expectNext(number);
    }
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
    awaitNoConnections(server);
  }

  @WaitingTest
  void routesWithAnExecutorHaveThemToo() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(2);
    closeLater((AutoCloseable) pool::shutdownNow);
    int rate = 100;
    Server server =
        start(
            server()
                .limits(LIMITS.withMaxMessagesPerSecond(rate))
                .route("/", recorder, HandlerExecutor.of(pool)));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    client.write(texts(150));
    for (int number = 0; number < 150; number++) {
      expectNext(number);
      long delivered = recorder.deliveries();
      long most = most(rate, elapsed);
      assertTrue(delivered <= most, "delivered " + delivered + " of at most " + most);
    }
    elapsed.assertNotBefore(Duration.ofMillis(490), "half a second beyond the burst");
  }
}
