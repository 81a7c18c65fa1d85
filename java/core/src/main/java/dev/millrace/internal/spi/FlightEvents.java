// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.UpgradeResult;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLongArray;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** The events of {@link Flight}. Loaded only where there is a Flight Recorder. */
final class FlightEvents {
  private static final Tally.Count[] COUNTS = Tally.Count.values();
  private static final AtomicLongArray DROPS = new AtomicLongArray(COUNTS.length);
  private static final MessagesDropped IS_DROPPED_ENABLED = new MessagesDropped();

  private FlightEvents() {}

  @Name("dev.millrace.ConnectionOpened")
  @Label("Connection Opened")
  @Category("Millrace")
  @StackTrace(false)
  static final class ConnectionOpened extends Event {
    @Label("Connection")
    String connection;

    @Label("Path")
    String path;
  }

  @Name("dev.millrace.ConnectionClosed")
  @Label("Connection Closed")
  @Category("Millrace")
  @StackTrace(false)
  static final class ConnectionClosed extends Event {
    @Label("Connection")
    String connection;

    @Label("Path")
    String path;

    @Label("Close Code")
    int code;

    @Label("Initiator")
    String initiator;
  }

  @Name("dev.millrace.UpgradeRefused")
  @Label("Upgrade Refused")
  @Category("Millrace")
  @StackTrace(false)
  static final class UpgradeRefused extends Event {
    @Label("Result")
    String result;

    @Label("Path")
    String path;
  }

  @Name("dev.millrace.LoopBlocked")
  @Label("Loop Blocked")
  @Category("Millrace")
  @StackTrace(false)
  static final class LoopBlocked extends Event {
    @Label("Loop")
    String loop;

    @Label("For So Long")
    @Timespan
    long blockedFor;

    @Label("At")
    String at;
  }

  @Name("dev.millrace.MessagesDropped")
  @Label("Messages Dropped")
  @Category("Millrace")
  @StackTrace(false)
  static final class MessagesDropped extends Event {
    @Label("Policy")
    String policy;

    @Label("Count")
    long count;
  }

  @Name("dev.millrace.MemoryRefused")
  @Label("Memory Refused")
  @Category("Millrace")
  @StackTrace(false)
  static final class MemoryRefused extends Event {
    @Label("Loop")
    String loop;

    @Label("Count")
    long count;
  }

  static void opened(Connection connection) {
    ConnectionOpened event = new ConnectionOpened();
    if (event.isEnabled()) {
      event.connection = Long.toHexString(connection.id());
      event.path = LogText.of(connection.handshake().path());
      event.commit();
    }
  }

  static void closed(Connection connection, CloseReason reason) {
    ConnectionClosed event = new ConnectionClosed();
    if (event.isEnabled()) {
      event.connection = Long.toHexString(connection.id());
      event.path = LogText.of(connection.handshake().path());
      event.code = reason.code();
      event.initiator = reason.initiator().name().toLowerCase(Locale.ROOT);
      event.commit();
    }
  }

  static void refused(UpgradeResult result, String path) {
    UpgradeRefused event = new UpgradeRefused();
    if (event.isEnabled()) {
      event.result = result.name().toLowerCase(Locale.ROOT);
      event.path = LogText.of(path);
      event.commit();
    }
  }

  static void blocked(String loop, long nanos, String at) {
    LoopBlocked event = new LoopBlocked();
    if (event.isEnabled()) {
      event.loop = loop;
      event.blockedFor = nanos;
      event.at = at;
      event.commit();
    }
  }

  static void dropped(Tally.Count policy, long more) {
    if (IS_DROPPED_ENABLED.isEnabled()) {
      DROPS.getAndAdd(policy.ordinal(), more);
    }
  }

  static void flush() {
    for (Tally.Count policy : COUNTS) {
      long count = DROPS.getAndSet(policy.ordinal(), 0);
      if (count > 0) {
        MessagesDropped event = new MessagesDropped();
        event.policy = word(policy);
        event.count = count;
        event.commit();
      }
    }
  }

  /** As the policy itself is called, and its meter's tag. */
  private static String word(Tally.Count count) {
    return switch (count) {
      case REFUSED -> "refuse";
      case DROPPED_OLDEST -> "drop_oldest";
      case DROPPED_NEWEST -> "drop_newest";
      case DROPPED_BY_PRIORITY -> "drop_lower_priority";
      case CLOSED_BY_POLICY -> "close";
      case REPLACED, PAUSES -> count.name().toLowerCase(Locale.ROOT);
    };
  }

  static void memoryRefused(String loop, long times) {
    MemoryRefused event = new MemoryRefused();
    if (event.isEnabled()) {
      event.loop = loop;
      event.count = times;
      event.commit();
    }
  }
}
