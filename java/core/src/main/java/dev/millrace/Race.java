// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptListener;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ResponseHead;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Connects to one of several addresses (RFC 8305, "Happy Eyeballs"): to the next one whenever one
 * has failed, or has not connected for {@link #STAGGER}. The first that connects wins, the others
 * are cancelled. One address is a race of one. Loop thread only.
 */
final class Race implements AttemptListener {

  /** Is told what becomes of the race, and of the winner. Not from within {@link #start}. */
  interface Listener {

    void onConnected(Attempt winner);

    void onResponse(Attempt winner, ResponseHead head);

    /** No address could be reached, or the winner has come to nothing. */
    void onFailed(IOException failure);
  }

  /** How long one address may keep the next waiting (RFC 8305 5). */
  static final Duration STAGGER = Duration.ofMillis(250);

  private static final String CANNOT_CONNECT = "cannot connect: ";

  // What the race is given ends it first; this only frees a socket that nobody waits for.
  private static final Duration LONGEST = Duration.ofHours(1);

  private final ClientLoop loop;
  private final String place;
  private final List<? extends SocketAddress> addresses;
  private final SocketOptions options;
  private final Listener listener;
  private final List<Attempt> running = new ArrayList<>();
  private final Map<SocketAddress, IOException> failures = new LinkedHashMap<>();
  private int started;
  private @Nullable ScheduledTask stagger;
  private @Nullable Attempt winner;
  private boolean over;

  /**
   * A race.
   *
   * @param place what is connected to, for messages
   * @param addresses at least one, the preferred first
   */
  Race(
      ClientLoop loop,
      String place,
      List<? extends SocketAddress> addresses,
      SocketOptions options,
      Listener listener) {
    this.loop = loop;
    this.place = place;
    this.addresses = addresses;
    this.options = options;
    this.listener = listener;
  }

  void start() {
    startNext();
  }

  /** Ends it without a word to the listener. */
  void cancel() {
    over = true;
    stopWaiting();
    List.copyOf(running).forEach(Attempt::cancel);
    running.clear();
  }

  private void startNext() {
    stopWaiting();
    if (over || winner != null || started == addresses.size()) {
      return;
    }
    SocketAddress address = addresses.get(started++);
    running.add(loop.connect(address, LONGEST, options, this));
    if (started < addresses.size()) {
      stagger = loop.schedule(this::startNext, STAGGER);
    }
  }

  private void stopWaiting() {
    if (stagger != null) {
      stagger.cancel();
      stagger = null;
    }
  }

  @Override
  public void onConnected(Attempt attempt) {
    if (over || winner != null) {
      attempt.cancel();
      return;
    }
    winner = attempt;
    stopWaiting();
    running.remove(attempt);
    List.copyOf(running).forEach(Attempt::cancel);
    running.clear();
    running.add(attempt);
    listener.onConnected(attempt);
  }

  @Override
  public void onResponse(Attempt attempt, ResponseHead head) {
    if (!over && attempt == winner) {
      listener.onResponse(attempt, head);
    }
  }

  @Override
  public void onFailed(Attempt attempt, IOException failure) {
    if (over) {
      return;
    }
    running.remove(attempt);
    if (attempt == winner) {
      over = true;
      listener.onFailed(failure);
      return;
    }
    failures.put(attempt.remote(), failure);
    if (winner != null) {
      return;
    }
    if (started < addresses.size()) {
      startNext();
    } else if (running.isEmpty()) {
      over = true;
      listener.onFailed(lost());
    }
  }

  /** What has happened so far, address by address. */
  String standing() {
    List<String> each = new ArrayList<>();
    for (SocketAddress address : addresses.subList(0, started)) {
      IOException failure = failures.get(address);
      each.add(failure == null ? shown(address) + " has not answered" : said(failure));
    }
    return String.join("; ", each);
  }

  private IOException lost() {
    if (addresses.size() == 1) {
      return failures.values().iterator().next();
    }
    IOException lost = new ConnectException(CANNOT_CONNECT + "to=" + place + ": " + standing());
    failures.values().forEach(lost::addSuppressed);
    return lost;
  }

  /** What the engine says of one address, without what stands before all of them. */
  private static String said(IOException failure) {
    String message = String.valueOf(failure.getMessage());
    return message.startsWith(CANNOT_CONNECT)
        ? message.substring(CANNOT_CONNECT.length())
        : message;
  }

  static String shown(SocketAddress address) {
    return address instanceof InetSocketAddress inet && inet.getAddress() != null
        ? Target.bracketed(inet.getAddress().getHostAddress()) + ":" + inet.getPort()
        : address.toString();
  }
}
