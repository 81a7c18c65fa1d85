// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;
import java.util.Objects;

/**
 * What a server allows its peers and itself. Immutable: every {@code with} gives a new object, and
 * checks its value at once. Names and units are the same everywhere.
 */
public final class Limits {

  private static final int MAX_MESSAGE_BYTES = 256 << 20;
  private static final Duration MIN_TIMEOUT = Duration.ofMillis(1);
  private static final Duration MAX_TIMEOUT = Duration.ofHours(1);
  private static final Limits DEFAULTS = new Limits(new Values());

  private final Values values;

  private Limits(Values values) {
    this.values = values;
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
    Values changed = new Values(values);
    changed.maxMessageBytes = maxMessageBytes;
    return new Limits(changed);
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
    Values changed = new Values(values);
    changed.maxFragments = maxFragments;
    return new Limits(changed);
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
    Values changed = new Values(values);
    changed.maxHeaderBytes = maxHeaderBytes;
    return new Limits(changed);
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
    Values changed = new Values(values);
    changed.maxRequestLineBytes = maxRequestLineBytes;
    return new Limits(changed);
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
    Values changed = new Values(values);
    changed.highWaterMarkBytes = highWaterMarkBytes;
    return new Limits(changed);
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
   * How many connections one loop holds; further ones are closed as they arrive. A server holds
   * this times its loops. By default 65,536.
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
    Values changed = new Values(values);
    changed.maxConnections = maxConnections;
    return new Limits(changed);
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
    Values changed = new Values(values);
    changed.handshakeTimeout = handshakeTimeout;
    return new Limits(changed);
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
    Values changed = new Values(values);
    changed.closeTimeout = closeTimeout;
    return new Limits(changed);
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
    Values changed = new Values(values);
    changed.inboxCapacity = roundUpToPowerOfTwo(inboxCapacity);
    return new Limits(changed);
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
    Values changed = new Values(values);
    changed.regionBytes = roundUpToMebibyte(regionBytes);
    return new Limits(changed);
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
        + ", handshakeTimeout="
        + values.handshakeTimeout
        + ", closeTimeout="
        + values.closeTimeout
        + ", inboxCapacity="
        + values.inboxCapacity
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

  private static void requireTimeout(String name, Duration value) {
    Objects.requireNonNull(value, name);
    if (value.compareTo(MIN_TIMEOUT) < 0 || value.compareTo(MAX_TIMEOUT) > 0) {
      throw new IllegalArgumentException(
          name + " out of range: value=" + value + ", limits=" + MIN_TIMEOUT + ".." + MAX_TIMEOUT);
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
    Duration handshakeTimeout = Duration.ofSeconds(5);
    Duration closeTimeout = Duration.ofSeconds(5);
    int inboxCapacity = 4096;
    long regionBytes = 1L << 30;

    Values() {}

    Values(Values other) {
      maxMessageBytes = other.maxMessageBytes;
      maxFragments = other.maxFragments;
      maxHeaderBytes = other.maxHeaderBytes;
      maxRequestLineBytes = other.maxRequestLineBytes;
      highWaterMarkBytes = other.highWaterMarkBytes;
      maxConnections = other.maxConnections;
      handshakeTimeout = other.handshakeTimeout;
      closeTimeout = other.closeTimeout;
      inboxCapacity = other.inboxCapacity;
      regionBytes = other.regionBytes;
    }
  }
}
