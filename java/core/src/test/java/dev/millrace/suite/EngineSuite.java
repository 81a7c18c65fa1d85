// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Message;
import dev.millrace.MillraceException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.function.BiConsumer;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What every suite needs: a server on the engine under test, clients of it, and their end. An
 * engine's module subclasses each suite and names the engine.
 */
@ExtendWith({Seed.class, SuiteResults.class})
@Timeout(60)
public abstract class EngineSuite {

  /** Answers with what came. An echo is never refused, so a refusal is an error (java: 1011). */
  protected static final Handler ECHO = EngineSuite::echo;

  // Kept here: a logger that nobody holds forgets how it was set.
  private static final Logger LOGGER = Logger.getLogger("dev.millrace");

  private final Deque<AutoCloseable> opened = new ArrayDeque<>();

  /** The engine under test. */
  protected abstract Engine engine();

  // ---- What docs/engine-differences.md says an engine may lack. What it does instead is tested.

  /** Whether it has the areas of the core besides blocks: arena, slab, temporary and send area. */
  protected boolean hasAreasOfTheCore() {
    return true;
  }

  /** Whether it chooses the congestion control of TCP. */
  protected boolean choosesCongestionControl() {
    return true;
  }

  /** Whether it tells process, user and group of a Unix socket's peer by number. */
  protected boolean tellsPeersByNumber() {
    return true;
  }

  /**
   * Whether a Unix socket's peer that has closed is told from one that has closed one direction.
   */
  protected boolean noticesLocalEndsAtOnce() {
    return true;
  }

  /** Whether a Unix socket's file has its mode before anybody can see it. */
  protected boolean setsModesBeforeTheFileIsThere() {
    return true;
  }

  private static void echo(Connection connection, Message message) {
    SendResult result = connection.send(message);
    if (result != SendResult.ACCEPTED) {
      throw new AssertionError("an echo was not accepted: " + result);
    }
  }

  /** One loop on any free port. */
  protected final Server.Builder server() {
    return Server.builder().engine(engine()).loops(1).listen("ws://127.0.0.1:0");
  }

  protected final Server start(Server.Builder builder) throws MillraceException {
    return closeLater(builder.start());
  }

  protected final Server startEcho() throws MillraceException {
    return start(server().route("/", ECHO));
  }

  protected static URI address(Server server) {
    return server.addresses().get(0);
  }

  protected final RawClient open(Server server) throws IOException {
    return closeLater(RawClient.open(address(server)));
  }

  protected final RawClient connect(Server server, String target) throws IOException {
    return closeLater(RawClient.connect(address(server), target));
  }

  protected final RawClient connect(Server server) throws IOException {
    return connect(server, "/");
  }

  protected final <T extends AutoCloseable> T closeLater(T resource) {
    opened.push(resource);
    return resource;
  }

  /**
   * Until the end of the test: for those that plant failures, which are logged as they should be.
   */
  protected final void muteLog() {
    LOGGER.setUseParentHandlers(false);
    closeLater(() -> LOGGER.setUseParentHandlers(true));
  }

  protected static void awaitNoConnections(Server server) {
    Deadline.until(() -> server.connectionCount() == 0, "no connection left");
  }

  /** Nothing happens for a while, and the loops use next to nothing: none of them spins. */
  protected static void assertIdleFor(Duration time, Connection connection) throws Exception {
    assertIdleFor(time, connection::schedule);
  }

  /** As above, by whoever runs a task after a time. */
  protected static void assertIdleFor(Duration time, BiConsumer<Runnable, Duration> schedule)
      throws Exception {
    long before = loopCpuNanos();
    CountDownLatch over = new CountDownLatch(1);
    schedule.accept(over::countDown, time);
    Deadline.await(over, "a quiet time");
    long used = loopCpuNanos() - before;
    assertTrue(used < time.toNanos() / 2, "the loop used " + used + " ns while nothing happened");
  }

  private static long loopCpuNanos() {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long sum = 0;
    for (long id : threads.getAllThreadIds()) {
      ThreadInfo info = threads.getThreadInfo(id);
      if (info != null && info.getThreadName().matches("millrace-(loop|client)-.*")) {
        sum += threads.getThreadCpuTime(id);
      }
    }
    return sum;
  }

  @AfterEach
  final void closeAll() throws Exception {
    while (!opened.isEmpty()) {
      opened.pop().close();
    }
  }
}
