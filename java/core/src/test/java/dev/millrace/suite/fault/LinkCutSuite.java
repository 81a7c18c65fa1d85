// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Client;
import dev.millrace.CloseReason;
import dev.millrace.Compression;
import dev.millrace.ConnectRequest;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Link;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Message;
import dev.millrace.MillraceException;
import dev.millrace.Reconnect;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Seed;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Clients whose connections are cut again and again, at any byte, by RST and by FIN: their links
 * connect again each time, as their policy says, and descriptors, threads and memory come back.
 *
 * <p>In short here; {@code ./millrace cuts} goes on for as long as it is told.
 */
public abstract class LinkCutSuite extends EngineSuite {
  private static final int CUTS = Integer.getInteger("millrace.test.cuts", 100);

  /** Before anything is counted: then every class is loaded, and every thread has been needed. */
  private static final int FIRST_CUTS = 20;

  /** Every other one compresses, with windows that live on. */
  /**
   * Entries that a connection has from its first message on, and more; an entry for each cut would
   * be 64 bytes.
   */
  private static final long ENTRIES = 512;

  private static final int LINKS = 4;

  private static final Compression COMPRESSION = Compression.enabled().withContextTakeover(true);
  private static final Duration SHORTEST = Duration.ofMillis(1);
  private static final Duration LONGEST = Duration.ofMillis(4);

  /** Of so many attempts one goes where nobody listens. */
  private static final int ONE_REFUSED_OF = 16;

  private static final int IN_FLIGHT = 3;
  private static final int MAGNITUDES = 17;
  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

  private final byte[] bytes = Seed.bytes(Seed.random("payloads"), 1 << MAGNITUDES);
  private final AtomicReference<String> fault = new AtomicReference<>();
  private final AtomicInteger refused = new AtomicInteger();
  private volatile boolean talking = true;

  /** One link, its client, and what its listener and its handler are told, both on its loop. */
  private final class Linked implements Handler {
    final Client client;
    final Link link;
    final AtomicInteger attempts = new AtomicInteger(1); // the first is no change, so not told
    final AtomicInteger losses = new AtomicInteger();
    final AtomicInteger opened = new AtomicInteger();
    final AtomicInteger closed = new AtomicInteger();
    final AtomicInteger unanswered = new AtomicInteger();
    private final Random random;
    private final Queue<ByteBuffer> awaited = new ArrayDeque<>();
    private Link.State state = Link.State.CONNECTING;
    private int attempt = 1;
    private long waitingSince;
    private volatile boolean answered;
    private volatile long waitedNanos;

    Linked(int number, URI address, URI nobody) throws MillraceException {
      random = Seed.random("messages of link " + number);
      Random refusals = Seed.random("refusals of link " + number);
      Reconnect policy =
          Reconnect.backoff(SHORTEST, LONGEST)
              .withListener(this::onStatus)
              .withBeforeAttempt(
                  asked -> {
                    if (refusals.nextInt(ONE_REFUSED_OF) > 0) {
                      return asked.request();
                    }
                    refused.incrementAndGet();
                    return asked.request().withUri(nobody);
                  });
      client =
          closeLater(
              Client.builder()
                  .engine(engine())
                  .reconnect(policy)
                  .compression(number % 2 == 0 ? Compression.disabled() : COMPRESSION)
                  .build());
      link = client.link(ConnectRequest.to(address), this);
    }

    private void onStatus(Link.Status status) {
      boolean expected = true;
      switch (status.state()) {
        case CONNECTING -> {
          attempts.incrementAndGet();
          expected = state == Link.State.WAITING && status.attempt() == attempt;
          waitedNanos += System.nanoTime() - waitingSince;
        }
        case OPEN -> {
          expected = state == Link.State.CONNECTING && status.attempt() == attempt;
          attempt = 0;
        }
        case WAITING -> {
          losses.incrementAndGet();
          attempt++;
          expected =
              (state == Link.State.CONNECTING || state == Link.State.OPEN)
                  && status.attempt() == attempt
                  && status.failure() != null;
          answered = false;
          waitingSince = System.nanoTime();
        }
        case ENDED -> expected = !talking;
      }
      if (!expected) {
        fault.compareAndSet(null, status + " after " + state + ", attempt awaited: " + attempt);
      }
      state = status.state();
    }

    @Override
    public void onOpen(Connection connection) {
      opened.incrementAndGet();
      awaited.clear();
      answered = false;
      unanswered.set(0);
      for (int i = 0; i < IN_FLIGHT; i++) {
        say(connection);
      }
    }

    private void say(Connection connection) {
      int length = random.nextInt(1 << random.nextInt(MAGNITUDES));
      ByteBuffer payload =
          ByteBuffer.wrap(bytes, random.nextInt(bytes.length - length), length).slice();
      awaited.add(payload.duplicate());
      unanswered.incrementAndGet();
      if (random.nextBoolean()) {
        connection.send(payload);
        return;
      }
      try (Lease lease = connection.lease(Math.max(1, length))) {
        lease.buffer().put(payload);
        connection.send(lease.range(0, length));
      }
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      if (!message.payload().equals(awaited.poll())) {
        fault.compareAndSet(null, "not what was sent: length=" + message.length());
      }
      answered = true;
      unanswered.decrementAndGet();
      if (talking) {
        say(connection);
      }
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      closed.incrementAndGet();
    }

    /** Open, and nothing is under way. */
    boolean isQuiet() {
      return link.connection().isPresent() && answered && unanswered.get() == 0;
    }

    long blocksInUse() {
      return client.statistics().stream().mapToLong(LoopStatistics::blocksInUse).sum();
    }

    long slabBytes() {
      return client.statistics().stream().mapToLong(s -> s.use(MemoryArea.SLAB)).sum();
    }
  }

  @Test
  @Timeout(value = 30, unit = TimeUnit.MINUTES)
  void connectsAgainAfterEveryCutAndLeavesNothingBehind() throws Exception {
    Server server =
        start(
            server()
                .compression(COMPRESSION)
                .route("/", (connection, message) -> connection.send(message)));
    LinkCutter cutter = closeLater(new LinkCutter(address(server)));
    long descriptorsOfServer = descriptors();
    URI nobody = nobody();
    List<Linked> links = new ArrayList<>();
    for (int i = 0; i < LINKS; i++) {
      links.add(new Linked(i, cutter.address(), nobody));
    }
    cut(FIRST_CUTS, cutter, links, server);
    long descriptors = descriptors();
    long threads = threads();
    long slabBytes = links.stream().mapToLong(Linked::slabBytes).sum();

    long start = System.nanoTime();
    cut(CUTS, cutter, links, server);
    long millis = (System.nanoTime() - start) / 1_000_000;

    int attempts = sum(links, link -> link.attempts.get());
    int losses = sum(links, link -> link.losses.get());
    assertEquals(FIRST_CUTS + CUTS, cutter.cuts());
    assertEquals(cutter.accepted() + refused.get(), attempts, "attempts");
    assertEquals(cutter.cuts() + refused.get(), losses, "losses");
    assertEquals(LINKS, sum(links, link -> link.opened.get() - link.closed.get()), "open");
    // Each delay is half of the shortest at least.
    long waited = links.stream().mapToLong(link -> link.waitedNanos).sum();
    assertTrue(waited >= losses * SHORTEST.toNanos() / 2, "waited " + waited + " ns in all");
    Deadline.until(() -> descriptors() <= descriptors, "descriptors to come back");
    Deadline.until(() -> threads() <= threads, "threads to end");
    Deadline.until(
        () -> links.stream().mapToLong(Linked::slabBytes).sum() <= slabBytes + LINKS * ENTRIES,
        "entries to come back");
    System.out.printf(
        "%s: cut %d times and refused %d times in %d ms; %d attempts, %d opened; descriptors %d,"
            + " then %d; threads %d, then %d%n",
        engine(),
        cutter.cuts(),
        refused.get(),
        millis,
        attempts,
        sum(links, link -> link.opened.get()),
        descriptors,
        descriptors(),
        threads,
        threads());

    for (Linked link : links) {
      link.link.close();
      assertTrue(Deadline.await(link.link.ended(), "the end of a link").isNormal());
      link.client.close();
    }
    awaitNoConnections(server);
    Deadline.until(() -> descriptors() <= descriptorsOfServer, "the clients' descriptors to go");
    assertNull(fault.get());
  }

  /** Returns when so many more are cut, all links are open again, and nothing is under way. */
  private void cut(int count, LinkCutter cutter, List<Linked> links, Server server) {
    talking = true;
    int all = cutter.cuts() + count;
    cutter.cut(count);
    for (int cuts = cutter.cuts(); cuts < all; cuts = cutter.cuts()) {
      int before = cuts;
      Deadline.until(() -> cutter.cuts() > before || fault.get() != null, "cut " + (before + 1));
      assertNull(fault.get());
    }
    Deadline.until(
        () -> links.stream().allMatch(link -> link.answered && link.link.connection().isPresent()),
        "all links open");
    talking = false;
    Deadline.until(() -> links.stream().allMatch(Linked::isQuiet), "every answer");
    Deadline.until(() -> server.connectionCount() == LINKS, "the server to notice");
    Deadline.until(
        () -> server.statistics().stream().allMatch(s -> s.blocksInUse() == 0),
        "the server's blocks to come back");
    Deadline.until(
        () -> links.stream().allMatch(link -> link.blocksInUse() == 0),
        "the clients' blocks to come back");
    assertNull(fault.get());
  }

  /** Where nobody listens. */
  private static URI nobody() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return URI.create("ws://127.0.0.1:" + socket.getLocalPort() + "/");
    }
  }

  private static int sum(List<Linked> links, ToIntFunction<Linked> count) {
    return links.stream().mapToInt(count).sum();
  }

  /** All but those that call before attempts: they are a pool, and end when they idle. */
  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> !thread.getName().startsWith("millrace-before-attempt"))
        .count();
  }

  /**
   * Sockets and pollers. Files come and go with the classes that are loaded, and a loop's wake
   * descriptor goes with its mappings.
   */
  private static long descriptors() {
    if (!Files.isDirectory(DESCRIPTORS)) {
      return 0;
    }
    try (Stream<Path> links = Files.list(DESCRIPTORS)) {
      return links.filter(LinkCutSuite::isSocketOrPoller).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isSocketOrPoller(Path descriptor) {
    try {
      String target = Files.readSymbolicLink(descriptor).toString();
      return target.startsWith("socket:") || target.equals("anon_inode:[eventpoll]");
    } catch (IOException goneMeanwhile) {
      return false; // the descriptor of this listing itself
    }
  }
}
