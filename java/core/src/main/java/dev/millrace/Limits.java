// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * What a server allows its peers and itself. Immutable: every {@code with} gives a new object, and
 * checks its value at once. Names and units are the same everywhere.
 */
public final class Limits {

  /** A limit that does not bind. */
  public static final int UNLIMITED = Integer.MAX_VALUE;

  private static final int MAX_MESSAGE_BYTES = 256 << 20;
  private static final Duration MIN_TIMEOUT = Duration.ofMillis(1);
  private static final Duration MAX_TIMEOUT = Duration.ofHours(1);
  private static final Duration MAX_INTERVAL = Duration.ofDays(1);
  private static final Limits DEFAULTS = new Limits(new Values());

  private final Values values;

  private Limits(Values values) {
    this.values = values;
  }

  private Limits with(Consumer<Values> change) {
    Values changed = new Values(values);
    change.accept(changed);
    return new Limits(changed);
  }

  /**
   * The limits of a server that says nothing about them.
   *
   * @return each value as its accessor states it
   */
  public static Limits defaults() {
    return DEFAULTS;
  }

  /**
   * The longest message taken from a peer, in bytes, over all its fragments; a longer one is
   * answered with 1009 as soon as its header says so. At most a quarter of {@link #regionBytes()}.
   * By default 1 MiB.
   *
   * @return the limit
   */
  public int maxMessageBytes() {
    return values.maxMessageBytes;
  }

  /**
   * Sets {@link #maxMessageBytes()}.
   *
   * @param maxMessageBytes 1 to 268435456 (256 MiB)
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxMessageBytes(int maxMessageBytes) {
    requireRange("maxMessageBytes", maxMessageBytes, 1, MAX_MESSAGE_BYTES);
    requireQuarter(maxMessageBytes, values.regionBytes);
    return with(v -> v.maxMessageBytes = maxMessageBytes);
  }

  /**
   * How many fragments one message may have; one more is answered with 1008. By default 65,536.
   *
   * @return the limit
   */
  public int maxFragments() {
    return values.maxFragments;
  }

  /**
   * Sets {@link #maxFragments()}.
   *
   * @param maxFragments 1 to 16777216
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxFragments(int maxFragments) {
    requireRange("maxFragments", maxFragments, 1, 1 << 24);
    return with(v -> v.maxFragments = maxFragments);
  }

  /**
   * The longest head of an opening handshake, in bytes, request line and all headers; a longer one
   * is answered with 431. By default 16 KiB.
   *
   * @return the limit
   */
  public int maxHeaderBytes() {
    return values.maxHeaderBytes;
  }

  /**
   * Sets {@link #maxHeaderBytes()}.
   *
   * @param maxHeaderBytes 256 to 65536
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxHeaderBytes(int maxHeaderBytes) {
    requireRange("maxHeaderBytes", maxHeaderBytes, 256, 64 << 10);
    return with(v -> v.maxHeaderBytes = maxHeaderBytes);
  }

  /**
   * The longest request line, in bytes; a longer one is answered with 414. By default 8 KiB.
   *
   * @return the limit
   */
  public int maxRequestLineBytes() {
    return values.maxRequestLineBytes;
  }

  /**
   * Sets {@link #maxRequestLineBytes()}.
   *
   * @param maxRequestLineBytes 64 to 65536
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxRequestLineBytes(int maxRequestLineBytes) {
    requireRange("maxRequestLineBytes", maxRequestLineBytes, 64, 64 << 10);
    return with(v -> v.maxRequestLineBytes = maxRequestLineBytes);
  }

  /**
   * The high-water mark of a connection's outgoing bytes: from there on sends are {@link
   * SendResult#REFUSED}. The low-water mark is half of it. By default 1 MiB.
   *
   * @return the limit
   */
  public long highWaterMarkBytes() {
    return values.highWaterMarkBytes;
  }

  /**
   * Sets {@link #highWaterMarkBytes()}.
   *
   * @param highWaterMarkBytes 2048 to 1073741824 (1 GiB)
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withHighWaterMarkBytes(long highWaterMarkBytes) {
    requireRange("highWaterMarkBytes", highWaterMarkBytes, 2 << 10, 1L << 30);
    return with(v -> v.highWaterMarkBytes = highWaterMarkBytes);
  }

  /**
   * The low-water mark: {@link Handler#onWritable} is called when outgoing bytes have fallen to it,
   * and the engine reads from a peer again.
   *
   * @return half of {@link #highWaterMarkBytes()}
   */
  public long lowWaterMarkBytes() {
    return values.highWaterMarkBytes / 2;
  }

  /**
   * How many connections a server holds over all its loops; further upgrades are answered with 503.
   * Connections whose opening handshake has not ended are bounded besides, so that they cannot keep
   * others out for longer than {@link #handshakeTimeout()}. By default 65,536.
   *
   * @return the limit
   */
  public int maxConnections() {
    return values.maxConnections;
  }

  /**
   * Sets {@link #maxConnections()}.
   *
   * @param maxConnections 1 to 4194304
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxConnections(int maxConnections) {
    requireRange("maxConnections", maxConnections, 1, 1 << 22);
    return with(v -> v.maxConnections = maxConnections);
  }

  /**
   * How many connections each route holds; further upgrades to it are answered with 503. By default
   * {@link #UNLIMITED}.
   *
   * @return the limit
   */
  public int maxConnectionsPerRoute() {
    return values.maxConnectionsPerRoute;
  }

  /**
   * Sets {@link #maxConnectionsPerRoute()}.
   *
   * @param maxConnectionsPerRoute 1 to {@link #UNLIMITED}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxConnectionsPerRoute(int maxConnectionsPerRoute) {
    requireRange("maxConnectionsPerRoute", maxConnectionsPerRoute, 1, UNLIMITED);
    return with(v -> v.maxConnectionsPerRoute = maxConnectionsPerRoute);
  }

  /**
   * How many connections one remote IP address holds, an IPv6 address counted by its /64 network;
   * further upgrades are answered with 503. Unix sockets are not counted. By default {@link
   * #UNLIMITED}.
   *
   * @return the limit
   */
  public int maxConnectionsPerAddress() {
    return values.maxConnectionsPerAddress;
  }

  /**
   * Sets {@link #maxConnectionsPerAddress()}.
   *
   * @param maxConnectionsPerAddress 1 to {@link #UNLIMITED}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxConnectionsPerAddress(int maxConnectionsPerAddress) {
    requireRange("maxConnectionsPerAddress", maxConnectionsPerAddress, 1, UNLIMITED);
    return with(v -> v.maxConnectionsPerAddress = maxConnectionsPerAddress);
  }

  /**
   * How many upgrades a second one remote IP address may ask for, counted as {@link
   * #maxConnectionsPerAddress()}: a bucket of this many tokens, filled at this rate. Further ones
   * are answered with 503. By default {@link #UNLIMITED}.
   *
   * @return the limit
   */
  public int maxUpgradesPerSecond() {
    return values.maxUpgradesPerSecond;
  }

  /**
   * Sets {@link #maxUpgradesPerSecond()}.
   *
   * @param maxUpgradesPerSecond 1 to {@link #UNLIMITED}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxUpgradesPerSecond(int maxUpgradesPerSecond) {
    requireRange("maxUpgradesPerSecond", maxUpgradesPerSecond, 1, UNLIMITED);
    return with(v -> v.maxUpgradesPerSecond = maxUpgradesPerSecond);
  }

  /**
   * How long an opening handshake may take from the moment the connection is accepted, however its
   * bytes drip in. By default 5 s.
   *
   * @return the limit
   */
  public Duration handshakeTimeout() {
    return values.handshakeTimeout;
  }

  /**
   * Sets {@link #handshakeTimeout()}.
   *
   * @param handshakeTimeout 1 ms to 1 hour
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withHandshakeTimeout(Duration handshakeTimeout) {
    requireTimeout("handshakeTimeout", handshakeTimeout);
    return with(v -> v.handshakeTimeout = handshakeTimeout);
  }

  /**
   * How long the closing handshake may take; then the connection is cut. By default 5 s.
   *
   * @return the limit
   */
  public Duration closeTimeout() {
    return values.closeTimeout;
  }

  /**
   * Sets {@link #closeTimeout()}.
   *
   * @param closeTimeout 1 ms to 1 hour
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withCloseTimeout(Duration closeTimeout) {
    requireTimeout("closeTimeout", closeTimeout);
    return with(v -> v.closeTimeout = closeTimeout);
  }

  /**
   * How long a connection may go without a message, or a part of one, in either direction; then it
   * is closed with 1001. Pings and pongs do not count, and the time rests while the engine itself
   * does not read, as that of {@link #pongTimeout()}. Zero, the default, for as long as it likes.
   *
   * @return the limit
   */
  public Duration idleTimeout() {
    return values.idleTimeout;
  }

  /**
   * Sets {@link #idleTimeout()}.
   *
   * @param idleTimeout 1 ms to 1 day, or zero for none
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withIdleTimeout(Duration idleTimeout) {
    requireOptional("idleTimeout", idleTimeout);
    return with(v -> v.idleTimeout = idleTimeout);
  }

  /**
   * How often the engine pings each open connection (RFC 6455 5.5.2), which also measures {@link
   * WebSocketControls#roundTripTime()}. By default 30 s; zero for never.
   *
   * @return the interval
   */
  public Duration pingInterval() {
    return values.pingInterval;
  }

  /**
   * Sets {@link #pingInterval()}.
   *
   * @param pingInterval 1 ms to 1 day, or zero for never
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withPingInterval(Duration pingInterval) {
    requireOptional("pingInterval", pingInterval);
    return with(v -> v.pingInterval = pingInterval);
  }

  /**
   * The longest interval between two pings of a connection. Where it is longer than {@link
   * #pingInterval()}, the interval of a connection doubles with every ping that is answered, up to
   * this, and begins anew when an answer takes more than half of {@link #pongTimeout()}. By default
   * zero: every interval is the same.
   *
   * @return the limit
   */
  public Duration maxPingInterval() {
    return values.maxPingInterval;
  }

  /**
   * Sets {@link #maxPingInterval()}.
   *
   * @param maxPingInterval 1 ms to 1 day, or zero for intervals that do not change
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxPingInterval(Duration maxPingInterval) {
    requireOptional("maxPingInterval", maxPingInterval);
    return with(v -> v.maxPingInterval = maxPingInterval);
  }

  /**
   * How long nothing at all may come from a peer after the engine has pinged it; then the
   * connection is cut. Any byte counts as an answer, because a pong cannot overtake a long frame.
   * The time rests while the engine itself does not read, which {@link Connection#pause()} or a
   * peer's full queue cause. By default 20 s; zero for no deadline.
   *
   * @return the limit
   */
  public Duration pongTimeout() {
    return values.pongTimeout;
  }

  /**
   * Sets {@link #pongTimeout()}.
   *
   * @param pongTimeout 1 ms to 1 day, or zero for none
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withPongTimeout(Duration pongTimeout) {
    requireOptional("pongTimeout", pongTimeout);
    return with(v -> v.pongTimeout = pongTimeout);
  }

  /**
   * How long a peer may take nothing at all of what is queued for it; then the connection is cut.
   * By default 30 s; zero for as long as it likes.
   *
   * @return the limit
   */
  public Duration writeTimeout() {
    return values.writeTimeout;
  }

  /**
   * Sets {@link #writeTimeout()}.
   *
   * @param writeTimeout 1 ms to 1 day, or zero for none
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withWriteTimeout(Duration writeTimeout) {
    requireOptional("writeTimeout", writeTimeout);
    return with(v -> v.writeTimeout = writeTimeout);
  }

  /**
   * How long one turn of a loop may take, which is a call of a handler as a rule. After that a
   * warning with the loop's stack is logged, and {@link LoopStatistics#blocked()} counts: what
   * blocks a loop holds up all its connections, and belongs on a {@link HandlerExecutor}. By
   * default 1 s; zero for never.
   *
   * @return the limit
   */
  public Duration blockedLoopThreshold() {
    return values.blockedLoopThreshold;
  }

  /**
   * Sets {@link #blockedLoopThreshold()}.
   *
   * @param blockedLoopThreshold 1 ms to 1 day, or zero for none
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withBlockedLoopThreshold(Duration blockedLoopThreshold) {
    requireOptional("blockedLoopThreshold", blockedLoopThreshold);
    return with(v -> v.blockedLoopThreshold = blockedLoopThreshold);
  }

  /**
   * How many sends of other threads may wait for one loop; further ones are {@link
   * SendResult#REFUSED}. Rounded up to a power of two. By default 4,096.
   *
   * @return the limit
   */
  public int inboxCapacity() {
    return values.inboxCapacity;
  }

  /**
   * Sets {@link #inboxCapacity()}.
   *
   * @param inboxCapacity 2 to 1048576
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withInboxCapacity(int inboxCapacity) {
    requireRange("inboxCapacity", inboxCapacity, 2, 1 << 20);
    return with(v -> v.inboxCapacity = roundUpToPowerOfTwo(inboxCapacity));
  }

  /**
   * The address space of one loop's payload memory, in bytes; pages are charged when touched.
   * Rounded up to a whole MiB. By default 1 GiB.
   *
   * @return the limit
   */
  public long regionBytes() {
    return values.regionBytes;
  }

  /**
   * Sets {@link #regionBytes()}.
   *
   * @param regionBytes 16777216 (16 MiB) to 1073741824 (1 GiB), and at least four times {@link
   *     #maxMessageBytes()}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withRegionBytes(long regionBytes) {
    requireRange("regionBytes", regionBytes, 16L << 20, 1L << 30);
    requireQuarter(values.maxMessageBytes, regionBytes);
    return with(v -> v.regionBytes = roundUpToMebibyte(regionBytes));
  }

  /** Less than an application may set, for a server of our own. */
  Limits withSmallRegionBytes(long regionBytes) {
    requireQuarter(values.maxMessageBytes, regionBytes);
    return with(v -> v.regionBytes = regionBytes);
  }

  /**
   * How many messages may wait for one slow peer; with this set, sends are judged by it besides
   * {@link #highWaterMarkBytes()}. By default {@link #UNLIMITED}: bytes alone count.
   *
   * @return the limit
   */
  public int maxQueuedMessages() {
    return values.maxQueuedMessages;
  }

  /**
   * Sets {@link #maxQueuedMessages()}.
   *
   * @param maxQueuedMessages 1 to {@link #UNLIMITED}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxQueuedMessages(int maxQueuedMessages) {
    requireRange("maxQueuedMessages", maxQueuedMessages, 1, UNLIMITED);
    return with(v -> v.maxQueuedMessages = maxQueuedMessages);
  }

  /**
   * How many messages a second are taken from one peer; what comes faster waits in the kernel, and
   * its sender is held back by TCP. A burst of one second is let through. By default {@link
   * #UNLIMITED}.
   *
   * @return the limit
   */
  public int maxMessagesPerSecond() {
    return values.maxMessagesPerSecond;
  }

  /**
   * Sets {@link #maxMessagesPerSecond()}.
   *
   * @param maxMessagesPerSecond 1 to {@link #UNLIMITED}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxMessagesPerSecond(int maxMessagesPerSecond) {
    requireRange("maxMessagesPerSecond", maxMessagesPerSecond, 1, UNLIMITED);
    return with(v -> v.maxMessagesPerSecond = maxMessagesPerSecond);
  }

  /**
   * How many bytes of payload a second are taken from one peer; see {@link
   * #maxMessagesPerSecond()}. A message longer than this is taken whole, and the next waits until
   * it is paid for. By default {@link Long#MAX_VALUE}, no limit.
   *
   * @return the limit
   */
  public long maxBytesPerSecond() {
    return values.maxBytesPerSecond;
  }

  /**
   * Sets {@link #maxBytesPerSecond()}.
   *
   * @param maxBytesPerSecond 1 to {@link Long#MAX_VALUE}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxBytesPerSecond(long maxBytesPerSecond) {
    requireRange("maxBytesPerSecond", maxBytesPerSecond, 1, Long.MAX_VALUE);
    return with(v -> v.maxBytesPerSecond = maxBytesPerSecond);
  }

  /**
   * The most credit in bytes that {@link Connection#requestBytes} lets pile up. By default 1 MiB.
   *
   * @return the limit
   */
  public long maxCreditBytes() {
    return values.maxCreditBytes;
  }

  /**
   * Sets {@link #maxCreditBytes()}.
   *
   * @param maxCreditBytes 1 to {@link Long#MAX_VALUE}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxCreditBytes(long maxCreditBytes) {
    requireRange("maxCreditBytes", maxCreditBytes, 1, Long.MAX_VALUE);
    return with(v -> v.maxCreditBytes = maxCreditBytes);
  }

  /**
   * The most memory that a server or client takes for payloads, over all its connections: received,
   * queued for peers, waiting for executors, and the state of compression. Who needs more is closed
   * with 1013, the heaviest first. By default a quarter of the memory that this process may use:
   * what its control group allows, or what the machine has.
   *
   * @return the limit
   */
  public long maxMemoryBytes() {
    return values.maxMemoryBytes;
  }

  /**
   * Sets {@link #maxMemoryBytes()}.
   *
   * @param maxMemoryBytes 33554432 (32 MiB) to {@link Long#MAX_VALUE}
   * @return limits that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Limits withMaxMemoryBytes(long maxMemoryBytes) {
    requireRange("maxMemoryBytes", maxMemoryBytes, 32L << 20, Long.MAX_VALUE);
    return with(v -> v.maxMemoryBytes = maxMemoryBytes);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Limits limits && toString().equals(limits.toString());
  }

  @Override
  public int hashCode() {
    return toString().hashCode();
  }

  @Override
  public String toString() {
    return "Limits["
        + "maxMessageBytes="
        + values.maxMessageBytes
        + ", maxFragments="
        + values.maxFragments
        + ", maxHeaderBytes="
        + values.maxHeaderBytes
        + ", maxRequestLineBytes="
        + values.maxRequestLineBytes
        + ", highWaterMarkBytes="
        + values.highWaterMarkBytes
        + ", maxConnections="
        + values.maxConnections
        + ", maxConnectionsPerRoute="
        + values.maxConnectionsPerRoute
        + ", maxConnectionsPerAddress="
        + values.maxConnectionsPerAddress
        + ", maxUpgradesPerSecond="
        + values.maxUpgradesPerSecond
        + ", handshakeTimeout="
        + values.handshakeTimeout
        + ", closeTimeout="
        + values.closeTimeout
        + ", idleTimeout="
        + values.idleTimeout
        + ", pingInterval="
        + values.pingInterval
        + ", maxPingInterval="
        + values.maxPingInterval
        + ", pongTimeout="
        + values.pongTimeout
        + ", writeTimeout="
        + values.writeTimeout
        + ", blockedLoopThreshold="
        + values.blockedLoopThreshold
        + ", inboxCapacity="
        + values.inboxCapacity
        + ", maxQueuedMessages="
        + values.maxQueuedMessages
        + ", maxMessagesPerSecond="
        + values.maxMessagesPerSecond
        + ", maxBytesPerSecond="
        + values.maxBytesPerSecond
        + ", maxCreditBytes="
        + values.maxCreditBytes
        + ", maxMemoryBytes="
        + values.maxMemoryBytes
        + ", regionBytes="
        + values.regionBytes
        + "]";
  }

  private static void requireRange(String name, long value, long lowest, long highest) {
    if (value < lowest || value > highest) {
      throw new IllegalArgumentException(
          name + " out of range: value=" + value + ", limits=" + lowest + ".." + highest);
    }
  }

  /** Refuses what is no time that something may take. */
  static void requireTimeout(String name, Duration value) {
    requireDuration(name, value, MAX_TIMEOUT, "");
  }

  private static void requireOptional(String name, Duration value) {
    Objects.requireNonNull(value, name);
    if (!value.isZero()) {
      requireDuration(name, value, MAX_INTERVAL, ", or zero for none");
    }
  }

  private static void requireDuration(
      String name, Duration value, Duration longest, String otherwise) {
    Objects.requireNonNull(value, name);
    if (value.compareTo(MIN_TIMEOUT) < 0 || value.compareTo(longest) > 0) {
      throw new IllegalArgumentException(
          name
              + " out of range: value="
              + value
              + ", limits="
              + MIN_TIMEOUT
              + ".."
              + longest
              + otherwise);
    }
  }

  // A region also holds what other connections are receiving and sending, so that one longest
  // message must not be able to fill it.
  private static void requireQuarter(long maxMessageBytes, long regionBytes) {
    if (maxMessageBytes > regionBytes / 4) {
      throw new IllegalArgumentException(
          "maxMessageBytes exceeds a quarter of regionBytes: maxMessageBytes="
              + maxMessageBytes
              + ", regionBytes="
              + regionBytes
              + ", limit="
              + regionBytes / 4);
    }
  }

  private static int roundUpToPowerOfTwo(int value) {
    return Integer.highestOneBit(value - 1) << 1;
  }

  private static long roundUpToMebibyte(long value) {
    return (value + (1 << 20) - 1) & -(1L << 20);
  }

  /** The values, changed only between copying and publishing. */
  private static final class Values {
    int maxMessageBytes = 1 << 20;
    int maxFragments = 65_536;
    int maxHeaderBytes = 16 << 10;
    int maxRequestLineBytes = 8 << 10;
    long highWaterMarkBytes = 1 << 20;
    int maxConnections = 65_536;
    int maxConnectionsPerRoute = UNLIMITED;
    int maxConnectionsPerAddress = UNLIMITED;
    int maxUpgradesPerSecond = UNLIMITED;
    Duration handshakeTimeout = Duration.ofSeconds(5);
    Duration closeTimeout = Duration.ofSeconds(5);
    Duration idleTimeout = Duration.ZERO;
    Duration pingInterval = Duration.ofSeconds(30);
    Duration maxPingInterval = Duration.ZERO;
    Duration pongTimeout = Duration.ofSeconds(20);
    Duration writeTimeout = Duration.ofSeconds(30);
    Duration blockedLoopThreshold = Duration.ofSeconds(1);
    int inboxCapacity = 4096;
    int maxQueuedMessages = UNLIMITED;
    int maxMessagesPerSecond = UNLIMITED;
    long maxBytesPerSecond = Long.MAX_VALUE;
    long maxCreditBytes = 1 << 20;
    long maxMemoryBytes = MemoryCeiling.quarter();
    long regionBytes = 1L << 30;

    Values() {}

    Values(Values other) {
      maxMessageBytes = other.maxMessageBytes;
      maxFragments = other.maxFragments;
      maxHeaderBytes = other.maxHeaderBytes;
      maxRequestLineBytes = other.maxRequestLineBytes;
      highWaterMarkBytes = other.highWaterMarkBytes;
      maxConnections = other.maxConnections;
      maxConnectionsPerRoute = other.maxConnectionsPerRoute;
      maxConnectionsPerAddress = other.maxConnectionsPerAddress;
      maxUpgradesPerSecond = other.maxUpgradesPerSecond;
      handshakeTimeout = other.handshakeTimeout;
      closeTimeout = other.closeTimeout;
      idleTimeout = other.idleTimeout;
      pingInterval = other.pingInterval;
      maxPingInterval = other.maxPingInterval;
      pongTimeout = other.pongTimeout;
      writeTimeout = other.writeTimeout;
      blockedLoopThreshold = other.blockedLoopThreshold;
      inboxCapacity = other.inboxCapacity;
      maxQueuedMessages = other.maxQueuedMessages;
      maxMessagesPerSecond = other.maxMessagesPerSecond;
      maxBytesPerSecond = other.maxBytesPerSecond;
      maxCreditBytes = other.maxCreditBytes;
      maxMemoryBytes = other.maxMemoryBytes;
      regionBytes = other.regionBytes;
    }
  }
}
