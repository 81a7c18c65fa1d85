// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.EngineLoops;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.internal.spi.LoopMeter;
import dev.millrace.internal.spi.Tally;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;

/**
 * What a server or a client has done since it began, or between two such snapshots. Numbers are for
 * all loops together; {@link #loop} tells them apart.
 *
 * <p>An object is filled by {@link Server#statistics(ServerStatistics)} or {@link
 * Client#statistics(ClientStatistics)}, again and again; from the second time on that allocates
 * nothing. It shows one moment, though not for all numbers the very same one. Reading costs the
 * loops nothing. Each object belongs to one thread at a time.
 */
public abstract sealed class Statistics permits ServerStatistics, ClientStatistics {

  private static final Tally.Count[] COUNTS = Tally.Count.values();

  private LoopStatistics[] loops = {};
  private final LoopStatistics total = new LoopStatistics();
  private final long[] closes = new long[LoopMeter.CODES];
  private final long[] upgrades = new long[UpgradeResult.values().length];
  private final long[] sends = new long[COUNTS.length];
  private final LatencyHistogram queueTime = new LatencyHistogram();
  private final LatencyHistogram handlerTime = new LatencyHistogram();
  private final LatencyHistogram roundTrip = new LatencyHistogram();
  private long takenNanos;
  private long elapsedNanos;
  private long memoryLimit;

  Statistics() {}

  // ---- Filling.

  /** Overwrites all of it. */
  final void fill(EngineLoops running, int count, Tally tally, long beganNanos, long memoryLimit) {
    resize(count);
    Arrays.fill(closes, 0);
    Arrays.fill(upgrades, 0);
    queueTime.clear();
    handlerTime.clear();
    roundTrip.clear();
    total.clear();
    for (int i = 0; i < count; i++) {
      running.readStatistics(i, loops[i].values());
      total.add(loops[i]);
      LoopMeter meter = running.meter(i);
      meter.addTo(closes, upgrades);
      queueTime.add(meter.queueTime());
      handlerTime.add(meter.handlerTime());
      roundTrip.add(meter.roundTrip());
    }
    queueTime.sum();
    handlerTime.sum();
    roundTrip.sum();
    for (int i = 0; i < sends.length; i++) {
      sends[i] = tally.get(COUNTS[i]);
    }
    takenNanos = System.nanoTime();
    elapsedNanos = takenNanos - beganNanos;
    this.memoryLimit = memoryLimit;
  }

  /** Further upgrades of one result. */
  final void addUpgrades(UpgradeResult result, long more) {
    upgrades[result.ordinal()] += more;
  }

  private void resize(int count) {
    if (loops.length != count) {
      loops = new LoopStatistics[count];
      Arrays.setAll(loops, i -> new LoopStatistics());
    }
  }

  final void setToDifference(Statistics later, Statistics earlier) {
    if (later.loops.length != earlier.loops.length || later.takenNanos < earlier.takenNanos) {
      throw new IllegalArgumentException(
          "not an earlier snapshot of the same: loops="
              + later.loops.length
              + " and "
              + earlier.loops.length
              + ", nanoseconds earlier="
              + (later.takenNanos - earlier.takenNanos));
    }
    resize(later.loops.length);
    for (int i = 0; i < loops.length; i++) {
      loops[i].setToDifference(later.loops[i], earlier.loops[i]);
    }
    total.setToDifference(later.total, earlier.total);
    subtract(closes, later.closes, earlier.closes);
    subtract(upgrades, later.upgrades, earlier.upgrades);
    subtract(sends, later.sends, earlier.sends);
    queueTime.setToDifference(later.queueTime, earlier.queueTime);
    handlerTime.setToDifference(later.handlerTime, earlier.handlerTime);
    roundTrip.setToDifference(later.roundTrip, earlier.roundTrip);
    takenNanos = later.takenNanos;
    elapsedNanos = later.takenNanos - earlier.takenNanos;
    memoryLimit = later.memoryLimit;
  }

  private static void subtract(long[] into, long[] later, long[] earlier) {
    for (int i = 0; i < into.length; i++) {
      into[i] = later[i] - earlier[i];
    }
  }

  private long sends(Tally.Count count) {
    return sends[count.ordinal()];
  }

  // ---- The time, and rates.

  /**
   * The time that the counts are of: since the server or client began, or between the two snapshots
   * that this is the difference of.
   *
   * @return a duration
   */
  public final Duration elapsed() {
    return Duration.ofNanos(elapsedNanos);
  }

  /**
   * A count as a rate over {@link #elapsed()}.
   *
   * @param count of this object
   * @return so many a second; 0 over no time
   */
  public final double perSecond(long count) {
    return elapsedNanos == 0 ? 0 : count * 1e9 / elapsedNanos;
  }

  /**
   * How much of the time the loops had something to do.
   *
   * @return 0 to 1, the mean of all loops
   */
  public final double busyRatio() {
    double sum = 0;
    for (LoopStatistics loop : loops) {
      sum += busyRatio(loop);
    }
    return loops.length == 0 ? 0 : sum / loops.length;
  }

  /**
   * How much of the time one loop had something to do.
   *
   * @param loop its index
   * @return 0 to 1
   * @throws IndexOutOfBoundsException if there is no such loop
   */
  public final double busyRatio(int loop) {
    return busyRatio(loop(loop));
  }

  private double busyRatio(LoopStatistics loop) {
    return elapsedNanos == 0
        ? 0
        : Math.max(
            0, Math.min(1, 1 - (double) loop.value(LoopCounter.WAITED_NANOS) / elapsedNanos));
  }

  // ---- Loops.

  /**
   * How many loops there are.
   *
   * @return 0 before this was filled
   */
  public final int loops() {
    return loops.length;
  }

  /**
   * What one loop has done.
   *
   * @param loop its index, from 0 on
   * @return a part of this object, which changes with it
   * @throws IndexOutOfBoundsException if there is no such loop
   */
  public final LoopStatistics loop(int loop) {
    return loops[Objects.checkIndex(loop, loops.length)];
  }

  /**
   * What all loops have done together. Of {@link MemoryArea#SHARED}, which there is but one of, it
   * holds what one of them has seen; the other high-water marks are sums of what may have been at
   * different times.
   *
   * @return a part of this object, which changes with it
   */
  public final LoopStatistics total() {
    return total;
  }

  /**
   * Events that the loops were told a turn, on average.
   *
   * @return 0 if there was no turn
   */
  public final double eventsPerTick() {
    return total.ticks() == 0 ? 0 : (double) total.events() / total.ticks();
  }

  /**
   * System calls of the loops: waits, receives and sends.
   *
   * @return how many
   */
  public final long systemCalls() {
    return total.ticks() + total.receives() + total.sends();
  }

  // ---- Connections.

  /**
   * Connections now, those in their opening handshake included.
   *
   * @return a number, as of the snapshot
   */
  public final long connections() {
    return total.connections();
  }

  /**
   * Connections that were opened, their handshake done.
   *
   * @return how many
   */
  public final long opened() {
    return upgrades(UpgradeResult.ACCEPTED);
  }

  /** What became of requests for a WebSocket. */
  final long upgrades(UpgradeResult result) {
    return upgrades[result.ordinal()];
  }

  /**
   * Connections that were opened and have ended.
   *
   * @return how many
   */
  public final long closed() {
    long sum = 0;
    for (long count : closes) {
      sum += count;
    }
    return sum;
  }

  /**
   * Connections that have ended with a code, as their handlers were told: {@link
   * CloseCode#ABNORMAL_CLOSURE} where there was no Close frame.
   *
   * @param code 1000 to 1015 are counted each for itself; any of 3000 to 3999 stands for all of
   *     them, any of 4000 to 4999 likewise, and every other number for the rest
   * @return how many
   */
  public final long closed(int code) {
    return closes[LoopMeter.place(code)];
  }

  // ---- Traffic.

  /**
   * Messages received whole.
   *
   * @return how many
   */
  public final long messagesReceived() {
    return total.messagesReceived();
  }

  /**
   * Messages and pings given to the core to be sent.
   *
   * @return how many
   */
  public final long messagesSent() {
    return total.messagesSent();
  }

  /**
   * Bytes received, headers included.
   *
   * @return bytes
   */
  public final long bytesReceived() {
    return total.bytesReceived();
  }

  /**
   * Bytes that the system has taken, headers included.
   *
   * @return bytes
   */
  public final long bytesSent() {
    return total.bytesSent();
  }

  // ---- Queues.

  /**
   * Bytes that loops have to send and the system has not taken, and those that wait before them,
   * where a policy may reach them.
   *
   * @return bytes, as of the snapshot
   */
  public final long queuedBytes() {
    return total.outboundBytesQueued() + total.backlogBytes();
  }

  /**
   * Messages that wait where a policy may reach them, as of {@link Connection#queuedMessages()}.
   *
   * @return how many, as of the snapshot
   */
  public final long queuedMessages() {
    return total.backlogMessages();
  }

  /**
   * Bytes pinned by what peers have sent: messages in pieces, input that waits, and messages that
   * wait for handlers on executors or are with them.
   *
   * @return bytes, as of the snapshot
   */
  public final long pinnedBytes() {
    return total.value(LoopCounter.INBOUND_BYTES_PINNED);
  }

  /**
   * Sends that answered {@link SendResult#REFUSED}.
   *
   * @return how many
   */
  public final long refusedSends() {
    return sends(Tally.Count.REFUSED);
  }

  /**
   * Messages that a policy has given up.
   *
   * @param policy {@link SendOptions.Policy#CLOSE} counts the connections that it has closed, and
   *     {@link SendOptions.Policy#REFUSE} is {@link #refusedSends()}
   * @return how many
   */
  public final long dropped(SendOptions.Policy policy) {
    return switch (Objects.requireNonNull(policy, "policy")) {
      case REFUSE -> sends(Tally.Count.REFUSED);
      case DROP_OLDEST -> sends(Tally.Count.DROPPED_OLDEST);
      case DROP_NEWEST -> sends(Tally.Count.DROPPED_NEWEST);
      case DROP_LOWER_PRIORITY -> sends(Tally.Count.DROPPED_BY_PRIORITY);
      case CLOSE -> sends(Tally.Count.CLOSED_BY_POLICY);
    };
  }

  /**
   * Messages whose place a newer one with the same {@link SendOptions#replacementKey() key} has
   * taken.
   *
   * @return how many
   */
  public final long replaced() {
    return sends(Tally.Count.REPLACED);
  }

  /**
   * Times that the application paused a connection.
   *
   * @return how many
   */
  public final long pauses() {
    return sends(Tally.Count.PAUSES);
  }

  // ---- Memory.

  /**
   * Bytes in use in all {@linkplain MemoryArea areas}.
   *
   * @return bytes, as of the snapshot
   */
  public final long memoryInUse() {
    long sum = 0;
    for (MemoryArea area : MemoryArea.all()) {
      sum += total.use(area);
    }
    return sum;
  }

  /**
   * What {@link Limits#maxMemoryBytes()} allows.
   *
   * @return bytes
   */
  public final long memoryLimit() {
    return memoryLimit;
  }

  // ---- Times.

  /**
   * How long messages wait for their handler: from when their loop was told of them, in the turn
   * that handed them out or queued them, until the handler begins. Of one message in 64.
   *
   * @return a part of this object, which changes with it
   */
  public final LatencyHistogram queueTime() {
    return queueTime;
  }

  /**
   * How long {@link Handler#onMessage} takes, on loops and executors. Of one message in 64.
   *
   * @return a part of this object, which changes with it
   */
  public final LatencyHistogram handlerTime() {
    return handlerTime;
  }

  /**
   * How long peers take to answer pings, those of {@link Limits#pingInterval()} included.
   *
   * @return a part of this object, which changes with it
   */
  public final LatencyHistogram roundTrip() {
    return roundTrip;
  }

  @Override
  public String toString() {
    return getClass().getSimpleName()
        + "[connections="
        + connections()
        + ", messagesReceived="
        + messagesReceived()
        + ", messagesSent="
        + messagesSent()
        + ", queuedBytes="
        + queuedBytes()
        + "]";
  }
}
