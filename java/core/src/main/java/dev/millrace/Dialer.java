// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.CompressionBudget;
import dev.millrace.internal.spi.DeflateOffer;
import java.security.SecureRandom;
import java.util.concurrent.Executor;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What all links of a client share. Any thread. */
final class Dialer {

  private final ClientOptions options;
  private final NameService names;
  private final Executor callbacks;
  private final Compression compression;
  private final CompressionBudget budget;
  private final LongSupplier clock;
  private final DoubleSupplier jitter;
  private final SecureRandom random = new SecureRandom();
  private volatile String lastPath = "/";

  /**
   * What is shared.
   *
   * @param callbacks runs {@link Reconnect.BeforeAttempt}; may block
   * @param budget what the connections of all links may keep for their compression
   * @param clock in nanoseconds
   * @param jitter from 0 to below 1
   */
  Dialer(
      ClientOptions options,
      NameService names,
      Executor callbacks,
      Compression compression,
      CompressionBudget budget,
      LongSupplier clock,
      DoubleSupplier jitter) {
    this.options = options;
    this.names = names;
    this.callbacks = callbacks;
    this.compression = compression;
    this.budget = budget;
    this.clock = clock;
    this.jitter = jitter;
  }

  ClientOptions options() {
    return options;
  }

  NameService names() {
    return names;
  }

  Executor callbacks() {
    return callbacks;
  }

  /** What is offered in one handshake; null if compression is disabled. */
  @Nullable DeflateOffer offer() {
    return DeflateOffer.of(compression, budget);
  }

  long nanoTime() {
    return clock.getAsLong();
  }

  double jitter() {
    return jitter.getAsDouble();
  }

  SecureRandom random() {
    return random;
  }

  /** The same path, one object for the many connections that mostly ask for the same. */
  String shared(String path) {
    String last = lastPath;
    if (path.equals(last)) {
      return last;
    }
    lastPath = path;
    return path;
  }
}
