// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.Message;
import dev.millrace.Server;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A loop that a handler blocks is reported. */
public abstract class WatchdogSuite extends EngineSuite {

  private static final Duration THRESHOLD = Duration.ofMillis(40);
  private static final Limits LIMITS = Limits.defaults().withBlockedLoopThreshold(THRESHOLD);

  private final CountDownLatch goOn = new CountDownLatch(1);

  private static long blocked(Server server) {
    return server.statistics().stream().mapToLong(LoopStatistics::blocked).sum();
  }

  /** A test that fails must not leave a loop blocked, for which its server would wait for ever. */
  @AfterEach
  final void letGo() {
    goOn.countDown();
  }

  private void blockAndEcho(Connection connection, Message message) {
    try {
      goOn.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    connection.send(message);
  }

  @Test
  void aHandlerThatBlocksIsReportedWithItsStackAndTheLoopGoesOn() throws Exception {
    Records records = new Records();
    Logger logger = Logger.getLogger("dev.millrace");
    logger.addHandler(records);
    try {
      Server server = start(server().limits(LIMITS).route("/", this::blockAndEcho));
      RawClient client = connect(server);

      client.write(Frame.text("slow"));
      // A loop of the test before may be reported, too.
      Deadline.until(() -> blocked(server) > 0, "the loop is counted");
      Deadline.until(() -> records.anyStack("blockAndEcho"), "the loop is reported");
      goOn.countDown();

      client.expectText("slow");
      Deadline.until(() -> records.any("goes on"), "the end of it is told");
    } finally {
      logger.removeHandler(records);
    }
  }

  @Test
  void aLoopThatWaitsIsNotReported() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(server().limits(LIMITS).route("/", recorder));
    connect(server);

    Connection connection = recorder.awaitOpen();
    long before = blocked(server); // a class that is loaded for the first time may take long

    assertIdleFor(THRESHOLD.multipliedBy(5), connection);

    assertThat(blocked(server)).isEqualTo(before);
  }

  @Test
  void withAThresholdOfZeroNothingIsReported() throws Exception {
    Limits never = Limits.defaults().withBlockedLoopThreshold(Duration.ZERO);
    Server watched = start(server().limits(LIMITS).route("/", this::blockAndEcho));
    Server unwatched = start(server().limits(never).route("/", this::blockAndEcho));
    connect(unwatched).write(Frame.text("slow"));
    connect(watched).write(Frame.text("slow"));

    Deadline.until(() -> blocked(watched) > 0, "the other loop is reported");
    assertThat(blocked(unwatched)).isZero();
    goOn.countDown();
  }

  /** What is logged; written on other threads. */
  private static final class Records extends Handler {
    private final CopyOnWriteArrayList<LogRecord> records = new CopyOnWriteArrayList<>();

    boolean any(String part) {
      return records.stream().anyMatch(record -> record.getMessage().contains(part));
    }

    boolean anyStack(String method) {
      return records.stream()
          .map(LogRecord::getThrown)
          .filter(Objects::nonNull)
          .flatMap(thrown -> Stream.of(thrown.getStackTrace()))
          .anyMatch(frame -> frame.getMethodName().equals(method));
    }

    @Override
    public void publish(LogRecord record) {
      records.add(record);
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }
}
