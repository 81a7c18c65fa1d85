// SPDX-License-Identifier: Apache-2.0
package dev.millrace.micrometer;

import dev.millrace.Client;
import dev.millrace.ClientStatistics;
import dev.millrace.LatencyHistogram;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.SendOptions;
import dev.millrace.Server;
import dev.millrace.ServerStatistics;
import dev.millrace.Statistics;
import dev.millrace.UpgradeResult;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * Meters for the statistics of a server or a client.
 *
 * <pre>{@code
 * new MillraceMetrics(server).bindTo(registry);
 * }</pre>
 *
 * <p>Every meter has the tag {@code role}, {@code server} or {@code client}. All further tags are
 * bounded: the index of a loop, a memory area, a close code, a policy, what became of an upgrade, a
 * quantile. One snapshot serves all that is read within {@value #FRESH_MILLIS} ms, so that a scrape
 * costs one. docs/statistics.md lists the meters. Any thread.
 */
public final class MillraceMetrics implements MeterBinder {

  private static final long FRESH_MILLIS = 100;
  private static final int FIRST_CODE = 1000;
  private static final int LAST_CODE = 1015;
  private static final double[] QUANTILES = {0.5, 0.9, 0.99, 0.999, 1};

  private final Object owner;
  private final Statistics statistics;
  private final Runnable fill;
  private final int loops;
  private final Tags tags;
  private boolean isFilled;
  private long filledNanos;

  /**
   * Meters of a server.
   *
   * @param server a running server
   */
  public MillraceMetrics(Server server) {
    this(server, Tags.empty());
  }

  /**
   * Meters of a server, with tags of the caller's.
   *
   * @param server a running server
   * @param tags of every meter, to tell several servers apart
   */
  public MillraceMetrics(Server server, Iterable<Tag> tags) {
    ServerStatistics snapshot = new ServerStatistics();
    this.owner = Objects.requireNonNull(server, "server");
    this.statistics = snapshot;
    this.fill = () -> server.statistics(snapshot);
    this.tags = Tags.of("role", "server").and(Objects.requireNonNull(tags, "tags"));
    this.loops = countLoops();
  }

  /**
   * Meters of a client.
   *
   * @param client a client
   */
  public MillraceMetrics(Client client) {
    this(client, Tags.empty());
  }

  /**
   * Meters of a client, with tags of the caller's.
   *
   * @param client a client
   * @param tags of every meter, to tell several clients apart
   */
  public MillraceMetrics(Client client, Iterable<Tag> tags) {
    ClientStatistics snapshot = new ClientStatistics();
    this.owner = Objects.requireNonNull(client, "client");
    this.statistics = snapshot;
    this.fill = () -> client.statistics(snapshot);
    this.tags = Tags.of("role", "client").and(Objects.requireNonNull(tags, "tags"));
    this.loops = countLoops();
  }

  private int countLoops() {
    return (int) read(Statistics::loops);
  }

  @Override
  public void bindTo(MeterRegistry registry) {
    new Binding(Objects.requireNonNull(registry, "registry")).bindAll();
  }

  private synchronized double read(ToDoubleFunction<Statistics> value) {
    long now = System.nanoTime();
    if (!isFilled || now - filledNanos > TimeUnit.MILLISECONDS.toNanos(FRESH_MILLIS)) {
      fill.run();
      isFilled = true;
      filledNanos = now;
    }
    return value.applyAsDouble(statistics);
  }

  /** The word of a constant as a tag: DROP_OLDEST is drop_oldest. */
  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  private final class Binding {
    private final MeterRegistry registry;

    Binding(MeterRegistry registry) {
      this.registry = registry;
    }

    void bindAll() {
      connections();
      traffic();
      queues();
      memory();
      times();
      for (int i = 0; i < loops; i++) {
        loop(i);
      }
    }

    private void count(
        String name, String unit, String says, Tags more, ToLongFunction<Statistics> value) {
      FunctionCounter.builder("millrace." + name, owner, any -> read(all -> value.applyAsLong(all)))
          .baseUnit(unit)
          .description(says)
          .tags(tags.and(more))
          .register(registry);
    }

    private void level(
        String name, String unit, String says, Tags more, ToDoubleFunction<Statistics> value) {
      Gauge.builder("millrace." + name, owner, any -> read(value))
          .baseUnit(unit)
          .description(says)
          .tags(tags.and(more))
          .strongReference(true)
          .register(registry);
    }

    private void connections() {
      count(
          "connections.opened",
          "connections",
          "Connections opened",
          Tags.empty(),
          Statistics::opened);
      for (int code = FIRST_CODE; code <= LAST_CODE; code++) {
        closed(Integer.toString(code), code);
      }
      closed("3000-3999", 3000);
      closed("4000-4999", 4000);
      closed("other", 0);
      if (statistics instanceof ServerStatistics server) {
        for (UpgradeResult result : UpgradeResult.values()) {
          count(
              "upgrades",
              "requests",
              "Requests for a WebSocket, by what became of them",
              Tags.of("result", word(result)),
              all -> server.upgraded(result));
        }
      }
    }

    private void closed(String codes, int code) {
      count(
          "connections.closed",
          "connections",
          "Connections that ended, by close code",
          Tags.of("code", codes),
          all -> all.closed(code));
    }

    private void traffic() {
      count(
          "system.calls", "calls", "Waits, receives, sends", Tags.empty(), Statistics::systemCalls);
      count("pauses", "pauses", "Pauses by the application", Tags.empty(), Statistics::pauses);
      stopped("mark", LoopStatistics::readsStopped);
      stopped("quota", LoopStatistics::quotaStops);
      stopped("credit", LoopStatistics::creditStops);
    }

    private void stopped(String cause, ToLongFunction<LoopStatistics> value) {
      count(
          "reads.stopped",
          "stops",
          "Times that a peer was no longer read from",
          Tags.of("cause", cause),
          all -> value.applyAsLong(all.total()));
    }

    private void queues() {
      for (SendOptions.Policy policy : SendOptions.Policy.values()) {
        count(
            "sends.dropped",
            "messages",
            "Sends refused and messages given up, by policy",
            Tags.of("policy", word(policy)),
            all -> all.dropped(policy));
      }
      count(
          "sends.replaced",
          "messages",
          "Messages whose place a newer one has taken",
          Tags.empty(),
          Statistics::replaced);
    }

    private void memory() {
      for (MemoryArea area : MemoryArea.values()) {
        Tags of = Tags.of("area", word(area));
        level("memory.used", "bytes", "In use", of, all -> all.total().use(area));
        count("memory.spills", "spills", "No room in an area", of, all -> all.total().spills(area));
      }
      level(
          "memory.limit", "bytes", "Limits.maxMemoryBytes", Tags.empty(), Statistics::memoryLimit);
    }

    private void times() {
      time("queue.time", "Until the handler begins, sampled", Statistics::queueTime);
      time("handler.time", "What the handler takes, sampled", Statistics::handlerTime);
      time("round.trip", "Until a ping is answered", Statistics::roundTrip);
    }

    private void time(String name, String says, Function<Statistics, LatencyHistogram> times) {
      for (double quantile : QUANTILES) {
        TimeGauge.builder(
                "millrace." + name,
                owner,
                TimeUnit.NANOSECONDS,
                any -> read(all -> times.apply(all).nanosAt(100 * quantile)))
            .description(says)
            .tags(tags.and("quantile", Double.toString(quantile)))
            .strongReference(true)
            .register(registry);
      }
    }

    private void loop(int index) {
      Tags of = Tags.of("loop", Integer.toString(index));
      level("connections", "connections", "Now", of, all -> all.loop(index).connections());
      level(
          "queued",
          "bytes",
          "To be sent",
          of,
          all -> all.loop(index).outboundBytesQueued() + all.loop(index).backlogBytes());
      level(
          "queued.messages",
          "messages",
          "Where a policy may reach them",
          of,
          all -> all.loop(index).backlogMessages());
      level(
          "pinned",
          "bytes",
          "Pinned by what peers have sent",
          of,
          all -> all.loop(index).inboundBytesPinned());
      of(of, index, "messages.received", "messages", LoopStatistics::messagesReceived);
      of(of, index, "messages.sent", "messages", LoopStatistics::messagesSent);
      of(of, index, "bytes.received", "bytes", LoopStatistics::bytesReceived);
      of(of, index, "bytes.sent", "bytes", LoopStatistics::bytesSent);
      of(of, index, "ticks", "turns", LoopStatistics::ticks);
      of(of, index, "events", "events", LoopStatistics::events);
      of(of, index, "loop.blocked", "times", LoopStatistics::blocked);
      FunctionCounter.builder(
              "millrace.loop.waited",
              owner,
              any -> read(all -> all.loop(index).waitedNanos()) / 1e9)
          .baseUnit("seconds")
          .description("Time without anything to do; the rest of the time the loop was busy")
          .tags(tags.and(of))
          .register(registry);
    }

    private void of(
        Tags loop, int index, String name, String unit, ToLongFunction<LoopStatistics> value) {
      count(name, unit, "By loop", loop, all -> value.applyAsLong(all.loop(index)));
    }
  }
}
