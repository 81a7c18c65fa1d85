// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.UpgradeResult;
import java.util.Optional;

/**
 * What is told to the Flight Recorder of the JDK, where that is there (module {@code jdk.jfr}).
 * Off, each call is a look at a flag. Any thread.
 *
 * <p>What may come in floods is counted, and told by the {@link Watchdog} a few times a second: so
 * not by servers with no {@link dev.millrace.Limits#blockedLoopThreshold()}.
 */
public final class Flight {
  private static final boolean PRESENT = isPresent();

  private Flight() {}

  private static boolean isPresent() {
    Optional<Module> recorder = ModuleLayer.boot().findModule("jdk.jfr");
    // Named, this module reads it only if somebody has it in the graph.
    return recorder.isPresent() && Flight.class.getModule().canRead(recorder.get());
  }

  /** A connection is open, and its handler about to be told. */
  static void opened(Connection connection) {
    if (PRESENT) {
      FlightEvents.opened(connection);
    }
  }

  /** A connection has ended. */
  static void closed(Connection connection, CloseReason reason) {
    if (PRESENT) {
      FlightEvents.closed(connection, reason);
    }
  }

  /**
   * A request for a WebSocket was refused.
   *
   * @param result why
   * @param path of the request; empty where it is not known any more
   */
  public static void refused(UpgradeResult result, String path) {
    if (PRESENT) {
      FlightEvents.refused(result, path);
    }
  }

  /** A loop does not go on. */
  static void blocked(String loop, long nanos, String at) {
    if (PRESENT) {
      FlightEvents.blocked(loop, nanos, at);
    }
  }

  /** Messages were given up by a policy; told later. */
  static void dropped(Tally.Count policy, long more) {
    if (PRESENT) {
      FlightEvents.dropped(policy, more);
    }
  }

  /** A loop had no memory for what it was asked for. */
  static void memoryRefused(String loop, long times) {
    if (PRESENT) {
      FlightEvents.memoryRefused(loop, times);
    }
  }

  /** Tells what was only counted so far. */
  static void flush() {
    if (PRESENT) {
      FlightEvents.flush();
    }
  }
}
