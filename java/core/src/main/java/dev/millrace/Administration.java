// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.EngineProvider;
import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.ServerSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Answers questions about a server on a Unix socket that only its user may connect to: every
 * message to {@code /statistics} with one {@link StatisticsDocument}. A small server of its own,
 * one loop of the Java engine, so that it answers also while the loops that it tells of are busy.
 * It ends with its server.
 */
final class Administration implements AutoCloseable, Handler {
  private static final String ROUTE = "/statistics";
  private static final int MAX_CONNECTIONS = 16;

  /** What its loop has; the server that it tells of has so much less. */
  static final long REGION_BYTES = 4 << 20;

  /** Who asks and does not read is refused; the longest document comes on top. */
  private static final long HIGH_WATER_MARK_BYTES = 64 << 10;

  private static final int MAX_QUESTIONS_PER_SECOND = 50;
  private static final int QUEUES_SHOWN = 20;

  /** How long a loop that does not go on is waited for. */
  private static final long PATIENCE_MILLIS = 1000;

  private static final Duration FAREWELL = Duration.ofMillis(200);

  private final EngineServer own;

  // What is told of, as soon as there is something.
  private volatile @Nullable Server server;
  private volatile @Nullable EngineServer running;

  private Administration(ListenAddress address) throws MillraceException {
    Limits limits =
        Limits.defaults()
            .withMaxMessageBytes(1024)
            .withMaxConnections(MAX_CONNECTIONS)
            .withMaxMessagesPerSecond(MAX_QUESTIONS_PER_SECOND)
            .withHighWaterMarkBytes(HIGH_WATER_MARK_BYTES)
            .withSmallRegionBytes(REGION_BYTES);
    Router<Dispatcher.Route> routes = new Router<>();
    routes.add(ROUTE, new Dispatcher.Route(() -> this, HandlerExecutor.loop()));
    Upgrades upgrades =
        new Upgrades(
            OriginPolicy.of(Set.of()),
            new Admissions(limits, System::nanoTime),
            new UpgradeHook.AtOnce(request -> Upgrade.accept()),
            List.of(),
            UnaryOperator.identity(),
            Compression.disabled());
    ServerSpec spec =
        new ServerSpec(
            List.of(address),
            1,
            limits,
            SocketOptions.defaults().withUnixMode("rw-------"),
            Compression.disabled(),
            Set.of(),
            false,
            new Dispatcher(routes, new Router<>(), upgrades, TrustedProxies.none()));
    EngineProvider provider = Engines.choose(Engine.JAVA).provider();
    own = provider.start(spec);
  }

  /** Listens; what it tells of follows. */
  static Administration start(ListenAddress address) throws MillraceException {
    return new Administration(address);
  }

  /** From now on it answers, until that server has ended. */
  void tellOf(Server server, EngineServer running) {
    this.running = running;
    this.server = server;
    running.terminated().whenComplete((nothing, failure) -> close());
  }

  @Override
  public void onMessage(Connection connection, Message message) {
    Server of = server;
    EngineServer loops = running;
    if (of == null || loops == null) {
      connection.close(CloseCode.TRY_AGAIN_LATER, "the server is starting");
      return;
    }
    List<DeepestQueues> parts = new ArrayList<>();
    List<CompletableFuture<Void>> visits = new ArrayList<>();
    for (int loop = 0; loop < of.loops(); loop++) {
      DeepestQueues part = new DeepestQueues(QUEUES_SHOWN);
      CompletableFuture<Void> visit = new CompletableFuture<>();
      parts.add(part);
      visits.add(visit);
      loops.visit(loop, part, () -> visit.complete(null));
    }
    CompletableFuture.allOf(visits.toArray(CompletableFuture<?>[]::new))
        .orTimeout(PATIENCE_MILLIS, TimeUnit.MILLISECONDS)
        // On a loop of its own: none of those that are told of shall write text.
        .whenComplete(
            (all, late) -> connection.execute(() -> answer(connection, of, parts, visits)));
  }

  private static void answer(
      Connection connection,
      Server of,
      List<DeepestQueues> parts,
      List<CompletableFuture<Void>> visits) {
    List<DeepestQueues> visited = new ArrayList<>();
    List<Integer> silent = new ArrayList<>();
    for (int loop = 0; loop < parts.size(); loop++) {
      if (visits.get(loop).isDone()) {
        visited.add(parts.get(loop));
      } else {
        silent.add(loop);
      }
    }
    ServerStatistics now = new ServerStatistics();
    of.statistics(now);
    ServerStatistics before = (ServerStatistics) connection.attachment();
    connection.attach(now);
    connection.send(
        StatisticsDocument.of(
            of, now, before, DeepestQueues.deepest(QUEUES_SHOWN, visited), silent));
  }

  /** Says good-bye to who is connected. Any thread; calling it again waits for the first call. */
  @Override
  public void close() {
    try {
      own.shutdown(FAREWELL, Duration.ZERO);
    } catch (RuntimeException e) {
      ErrorLog.log("an administration socket could not be closed", e);
    }
  }
}
