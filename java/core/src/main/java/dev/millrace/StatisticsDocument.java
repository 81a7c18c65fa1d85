// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.internal.spi.LoopMeter;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What an administration socket answers with; docs/statistics.md describes every member. */
final class StatisticsDocument {
  private static final int VERSION = 1;
  private static final double[] PERCENTILES = {50, 90, 99, 99.9};

  private final JsonText json = new JsonText();

  private StatisticsDocument() {}

  /**
   * One document.
   *
   * @param now the snapshot of now
   * @param before the one of the answer before; null for none
   * @param deepest the connections with the deepest queues, of the loops that have answered
   * @param silent the loops that have not
   */
  static String of(
      Server server,
      ServerStatistics now,
      @Nullable ServerStatistics before,
      List<DeepestQueues.Entry> deepest,
      List<Integer> silent) {
    StatisticsDocument document = new StatisticsDocument();
    document.write(server, now, before, deepest, silent);
    return document.json.toString();
  }

  private void write(
      Server server,
      ServerStatistics now,
      @Nullable ServerStatistics before,
      List<DeepestQueues.Entry> deepest,
      List<Integer> silent) {
    json.begin('{');
    json.member("version", VERSION);
    json.member("engine", server.engine().name().toLowerCase(Locale.ROOT));
    json.name("addresses").begin('[');
    for (URI address : server.addresses()) {
      json.value(address.toString());
    }
    json.end(']');
    json.member("loops", now.loops());
    json.member("memoryLimit", now.memoryLimit());
    json.member("memoryInUse", now.memoryInUse());
    json.member("connections", now.connections());
    json.member("queuedBytes", now.queuedBytes());
    json.member("queuedMessages", now.queuedMessages());
    json.member("pinnedBytes", now.pinnedBytes());
    json.name("total").begin('{');
    counts(now);
    json.end('}');
    if (before != null) {
      json.name("recent").begin('{');
      counts(now.since(before));
      json.end('}');
    }
    areas(now.total());
    json.name("byLoop").begin('[');
    for (int i = 0; i < now.loops(); i++) {
      loop(now.loop(i));
    }
    json.end(']');
    json.name("deepestQueues").begin('[');
    for (DeepestQueues.Entry entry : deepest) {
      queue(entry);
    }
    json.end(']');
    json.name("silentLoops").begin('[');
    for (int loop : silent) {
      json.value(loop);
    }
    json.end(']');
    json.end('}');
  }

  private void counts(ServerStatistics of) {
    json.member("seconds", of.elapsed().toNanos() / 1e9);
    json.member("busyRatio", of.busyRatio());
    json.member("eventsPerTick", of.eventsPerTick());
    json.member("opened", of.opened());
    json.member("closed", of.closed());
    json.member("messagesReceived", of.messagesReceived());
    json.member("messagesSent", of.messagesSent());
    json.member("bytesReceived", of.bytesReceived());
    json.member("bytesSent", of.bytesSent());
    json.member("systemCalls", of.systemCalls());
    json.member("pauses", of.pauses());
    json.member("replaced", of.replaced());
    json.name("dropped").begin('{');
    for (SendOptions.Policy policy : SendOptions.Policy.values()) {
      json.member(word(policy), of.dropped(policy));
    }
    json.end('}');
    json.name("upgrades").begin('{');
    for (UpgradeResult result : UpgradeResult.values()) {
      json.member(word(result), of.upgraded(result));
    }
    json.end('}');
    closes(of);
    json.name("counters").begin('{');
    for (LoopCounter counter : LoopCounter.values()) {
      json.member(word(counter), of.total().value(counter));
    }
    json.end('}');
    latency("queueTime", of.queueTime());
    latency("handlerTime", of.handlerTime());
    latency("roundTrip", of.roundTrip());
  }

  private void closes(Statistics of) {
    json.name("closes").begin('{');
    for (int code = 1000; code < 1000 + LoopMeter.SINGLE_CODES; code++) {
      close(Integer.toString(code), of.closed(code));
    }
    close("3000-3999", of.closed(3000));
    close("4000-4999", of.closed(4000));
    close("other", of.closed(0));
    json.end('}');
  }

  private void close(String codes, long count) {
    if (count > 0) {
      json.member(codes, count);
    }
  }

  private void latency(String name, LatencyHistogram histogram) {
    json.name(name).begin('{');
    json.member("count", histogram.count());
    for (double percentile : PERCENTILES) {
      String digits = percentile == (long) percentile ? "%.0f" : "%.1f";
      json.member(
          "p" + String.format(Locale.ROOT, digits, percentile), histogram.nanosAt(percentile));
    }
    json.member("max", histogram.maxNanos());
    json.end('}');
  }

  private void areas(LoopStatistics total) {
    json.name("areas").begin('{');
    for (MemoryArea area : MemoryArea.all()) {
      json.name(word(area)).begin('{');
      json.member("use", total.use(area));
      json.member("highWater", total.highWater(area));
      json.member("spills", total.spills(area));
      json.end('}');
    }
    json.end('}');
  }

  private void loop(LoopStatistics loop) {
    json.begin('{');
    for (LoopCounter counter : LoopCounter.values()) {
      json.member(word(counter), loop.value(counter));
    }
    json.end('}');
  }

  private void queue(DeepestQueues.Entry entry) {
    json.begin('{');
    // As text: a number of 64 bits is more than readers of JSON keep of one.
    json.member("id", Long.toHexString(entry.id()));
    json.member("path", entry.path());
    if (entry.peer() != null) {
      json.member("peer", entry.peer());
    }
    json.member("address", entry.address());
    json.member("queuedBytes", entry.queuedBytes());
    json.member("queuedMessages", entry.queuedMessages());
    json.member("droppedMessages", entry.droppedMessages());
    json.member("pinnedBytes", entry.pinnedBytes());
    json.end('}');
  }

  /** A constant in the words of the API: BYTES_RECEIVED is bytesReceived. */
  private static String word(Enum<?> constant) {
    StringBuilder word = new StringBuilder();
    for (String part : constant.name().split("_")) {
      word.append(part.charAt(0)).append(part.substring(1).toLowerCase(Locale.ROOT));
    }
    return word.substring(0, 1).toLowerCase(Locale.ROOT) + word.substring(1);
  }
}
