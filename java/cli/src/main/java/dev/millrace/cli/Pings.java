// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Client;
import dev.millrace.Connection;
import dev.millrace.LoopStatistics;
import dev.millrace.SendResult;
import java.time.Duration;
import java.util.Optional;

/**
 * Tells of pings and pongs. The engine answers them by itself and counts them, so that is what is
 * looked at.
 */
final class Pings {
  private static final long INTERVAL_MILLIS = 20;

  private final Client client;
  private final Session session;
  private final Output output;
  private boolean started;
  private long sent;
  private long answered;
  private Optional<Duration> roundTrip = Optional.empty();
  private boolean asked;

  Pings(Client client, Session session, Output output) {
    this.client = client;
    this.session = session;
    this.output = output;
  }

  /** Watches from now on. */
  synchronized void start() {
    if (!started) {
      started = true;
      Thread thread = new Thread(this::watch, "connect-pings");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** Sends a ping; its pong is told in any case. */
  void send(Connection connection) {
    start();
    synchronized (this) {
      asked = true;
      roundTrip = connection.webSocket().roundTripTime();
    }
    if (connection.webSocket().ping() == SendResult.ACCEPTED) {
      output.detail("ping sent");
    } else {
      output.problem("too much is waiting to be sent: no ping was");
    }
  }

  private void watch() {
    try {
      while (true) {
        look();
        Thread.sleep(INTERVAL_MILLIS); // between two looks: the engine tells of no ping
      }
    } catch (InterruptedException | IllegalStateException e) {
      // The client has ended.
    }
  }

  private synchronized void look() {
    long nowSent = 0;
    long nowAnswered = 0;
    for (LoopStatistics loop : client.statistics()) {
      nowSent += loop.pingsSent();
      nowAnswered += loop.pongsSent();
    }
    for (; sent < nowSent; sent++) {
      output.detail("ping sent");
    }
    for (; answered < nowAnswered; answered++) {
      output.detail("ping received, pong sent");
    }
    Optional<Duration> now =
        session.connection().flatMap(connection -> connection.webSocket().roundTripTime());
    if (now.isPresent() && !now.equals(roundTrip)) {
      tell("pong received: round trip " + milliseconds(now.get()));
    }
    roundTrip = now;
  }

  private void tell(String pong) {
    if (asked) {
      output.note(pong);
    } else {
      output.detail(pong);
    }
    asked = false;
  }

  static String milliseconds(Duration time) {
    long micros = time.toNanos() / 1000;
    return micros / 1000 + "." + String.format("%03d", micros % 1000) + " ms";
  }
}
