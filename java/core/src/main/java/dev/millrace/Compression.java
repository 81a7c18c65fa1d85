// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.function.Consumer;

/**
 * How messages are compressed by permessage-deflate (RFC 7692): what a server agrees to, what a
 * client offers. Off unless asked for. Immutable: every {@code with} gives a new object, and checks
 * its value at once.
 *
 * <p>Without context takeover, the default, every message is compressed by itself and a connection
 * holds no compression state. With it repeated messages shrink further, and each connection holds
 * two windows from its first compressed messages on, within {@link #memoryBudgetBytes()}.
 */
public final class Compression {

  private static final Compression DISABLED = new Compression(new Values());
  private static final Compression ENABLED = DISABLED.with(v -> v.enabled = true);

  private final Values values;

  private Compression(Values values) {
    this.values = values;
  }

  private Compression with(Consumer<Values> change) {
    Values changed = new Values(values);
    change.accept(changed);
    return new Compression(changed);
  }

  /**
   * No compression: a server declines every offer, a client makes none.
   *
   * @return the default
   */
  public static Compression disabled() {
    return DISABLED;
  }

  /**
   * Compression without context takeover, of messages of 64 bytes and more, at the fastest level.
   *
   * @return each value as its accessor states it
   */
  public static Compression enabled() {
    return ENABLED;
  }

  /**
   * Whether it is agreed to, or offered.
   *
   * @return true for {@link #enabled()} and what was made of it
   */
  public boolean isEnabled() {
    return values.enabled;
  }

  /**
   * Whether windows live on from message to message, where the peer agrees and the budget allows.
   * By default not.
   *
   * @return true if windows live on
   */
  public boolean contextTakeover() {
    return values.contextTakeover;
  }

  /**
   * Sets {@link #contextTakeover()}.
   *
   * @param contextTakeover true if windows are to live on
   * @return options that differ in this
   */
  public Compression withContextTakeover(boolean contextTakeover) {
    return with(v -> v.contextTakeover = contextTakeover);
  }

  /**
   * The largest window that a server compresses with ({@code server_max_window_bits}), as log2 of
   * its bytes. By default 15: 32 KiB.
   *
   * @return 8 to 15
   */
  public int serverWindowBits() {
    return values.serverWindowBits;
  }

  /**
   * Sets {@link #serverWindowBits()}.
   *
   * @param bits 8 to 15
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Compression withServerWindowBits(int bits) {
    requireRange("serverWindowBits", bits, 8, 15);
    return with(v -> v.serverWindowBits = bits);
  }

  /**
   * The largest window that a client compresses with ({@code client_max_window_bits}), as log2 of
   * its bytes. A server can ask for it only of clients that offer the parameter. By default 15.
   *
   * @return 8 to 15
   */
  public int clientWindowBits() {
    return values.clientWindowBits;
  }

  /**
   * Sets {@link #clientWindowBits()}.
   *
   * @param bits 8 to 15
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Compression withClientWindowBits(int bits) {
    requireRange("clientWindowBits", bits, 8, 15);
    return with(v -> v.clientWindowBits = bits);
  }

  /**
   * How hard to look for repetitions: 1 is fastest, 9 smallest. By default 1.
   *
   * @return 1 to 9
   */
  public int level() {
    return values.level;
  }

  /**
   * Sets {@link #level()}.
   *
   * @param level 1 to 9
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Compression withLevel(int level) {
    requireRange("level", level, 1, 9);
    return with(v -> v.level = level);
  }

  /**
   * How much memory a compressor with takeover has besides its window: 2^(value + 9) bytes. By
   * default 8.
   *
   * @return 1 to 9
   * @implNote The Java engine's compressor always has that of 8; the budget is reckoned alike.
   */
  public int memoryLevel() {
    return values.memoryLevel;
  }

  /**
   * Sets {@link #memoryLevel()}.
   *
   * @param memoryLevel 1 to 9
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Compression withMemoryLevel(int memoryLevel) {
    requireRange("memoryLevel", memoryLevel, 1, 9);
    return with(v -> v.memoryLevel = memoryLevel);
  }

  /**
   * Shorter messages are sent as they are. By default 64 bytes.
   *
   * @return the length in bytes
   */
  public int thresholdBytes() {
    return values.thresholdBytes;
  }

  /**
   * Sets {@link #thresholdBytes()}.
   *
   * @param thresholdBytes 0 (every message) to 1073741824
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is out of range
   */
  public Compression withThresholdBytes(int thresholdBytes) {
    requireRange("thresholdBytes", thresholdBytes, 0, 1 << 30);
    return with(v -> v.thresholdBytes = thresholdBytes);
  }

  /**
   * What the windows of all connections together may take. A connection for which nothing is left
   * is agreed to without takeover; where that cannot be said either, without compression. By
   * default 64 MiB.
   *
   * @return the bytes of a server, or of a client
   */
  public long memoryBudgetBytes() {
    return values.memoryBudgetBytes;
  }

  /**
   * Sets {@link #memoryBudgetBytes()}.
   *
   * @param memoryBudgetBytes 0 or more
   * @return options that differ in this
   * @throws IllegalArgumentException if the value is negative
   */
  public Compression withMemoryBudgetBytes(long memoryBudgetBytes) {
    if (memoryBudgetBytes < 0) {
      throw new IllegalArgumentException(
          "budget must not be negative: memoryBudgetBytes=" + memoryBudgetBytes);
    }
    return with(v -> v.memoryBudgetBytes = memoryBudgetBytes);
  }

  private static void requireRange(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + " out of range: " + name + "=" + value + ", limits=" + least + ".." + most);
    }
  }

  @Override
  public String toString() {
    if (!values.enabled) {
      return "Compression[disabled]";
    }
    return "Compression[contextTakeover="
        + values.contextTakeover
        + ", serverWindowBits="
        + values.serverWindowBits
        + ", clientWindowBits="
        + values.clientWindowBits
        + ", level="
        + values.level
        + ", memoryLevel="
        + values.memoryLevel
        + ", thresholdBytes="
        + values.thresholdBytes
        + ", memoryBudgetBytes="
        + values.memoryBudgetBytes
        + "]";
  }

  private static final class Values {
    boolean enabled;
    boolean contextTakeover;
    int serverWindowBits = 15;
    int clientWindowBits = 15;
    int level = 1;
    int memoryLevel = 8;
    int thresholdBytes = 64;
    long memoryBudgetBytes = 64 << 20;

    Values() {}

    Values(Values from) {
      enabled = from.enabled;
      contextTakeover = from.contextTakeover;
      serverWindowBits = from.serverWindowBits;
      clientWindowBits = from.clientWindowBits;
      level = from.level;
      memoryLevel = from.memoryLevel;
      thresholdBytes = from.thresholdBytes;
      memoryBudgetBytes = from.memoryBudgetBytes;
    }
  }
}
