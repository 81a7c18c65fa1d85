// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.ScheduledTask;
import dev.millrace.SocketOptions;
import dev.millrace.internal.ring.EventReader;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptFailures;
import dev.millrace.internal.spi.AttemptListener;
import dev.millrace.internal.spi.ClientLoop;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A client's loop, and its sockets that are no connections yet. Until the core has told a socket's
 * slot it is known by a token. Loop thread only where nothing else is said.
 */
final class NativeClientLoop implements ClientLoop {
  private final NativeLoop loop;
  private final Outgoing outgoing;
  private final Map<Long, NativeAttempt> dialed = new HashMap<>();
  private final Map<Integer, NativeAttempt> attempts = new HashMap<>();
  private long lastToken;
  private volatile int count;

  NativeClientLoop(NativeLoop loop, Outgoing outgoing) {
    this.loop = loop;
    this.outgoing = outgoing;
  }

  /** Sockets, those on their way included. Any thread. */
  int load() {
    return count + loop.connectionCount();
  }

  private void recount() {
    count = dialed.size() + attempts.size();
  }

  @Override
  public Attempt connect(
      SocketAddress address, Duration timeout, SocketOptions options, AttemptListener listener) {
    NativeAttempt attempt = new NativeAttempt(loop, address, timeout, listener);
    String refusal = BodyArea.refusal(address);
    if (loop.isDraining()) {
      attempt.failLater(AttemptFailures.closed());
    } else if (refusal != null) {
      attempt.failLater(AttemptFailures.notConnected(address, refusal));
    } else {
      long token = ++lastToken;
      outgoing.connect(address, options, timeout, token);
      dialed.put(token, attempt);
      recount();
    }
    return attempt;
  }

  // ---- What the core says.

  void onDialed(EventReader event) {
    NativeAttempt attempt = dialed.remove(event.auxiliary());
    if (attempt == null) {
      throw new IllegalStateException("nobody has dialed: token=" + event.auxiliary());
    }
    if (event.has(Records.FAILED)) {
      recount();
      attempt.onRefused((int) event.address());
      return;
    }
    attempts.put(event.slot(), attempt);
    attempt.onDialed(event.slot(), event.generation());
  }

  void onConnected(EventReader event) {
    NativeAttempt attempt = find(event);
    if (attempt != null) {
      attempt.onConnected();
    }
  }

  void onResponse(EventReader event, byte[] head) {
    NativeAttempt attempt = find(event);
    if (attempt != null) {
      attempt.onResponse(head, (int) event.auxiliary());
    }
  }

  /** An event of a slot that no connection has. */
  void onClosed(EventReader event) {
    NativeAttempt attempt = find(event);
    if (attempt != null) {
      remove(attempt);
      attempt.onClosed(
          (int) (event.auxiliary() >>> 16) & 0xFFFF,
          (int) (event.auxiliary() >>> 32),
          event.has(Records.TIMED_OUT));
    }
  }

  private @Nullable NativeAttempt find(EventReader event) {
    NativeAttempt attempt = attempts.get(event.slot());
    return attempt != null && attempt.generation() == event.generation() ? attempt : null;
  }

  /** It has ended, or is a connection from now on. */
  void remove(NativeAttempt attempt) {
    attempts.remove(attempt.slot());
    recount();
  }

  /** The client ends. */
  void failAll() {
    List<NativeAttempt> left = new ArrayList<>(dialed.values());
    left.addAll(attempts.values());
    left.forEach(attempt -> attempt.fail(AttemptFailures.closed()));
  }

  // ---- Tasks. Any thread.

  @Override
  public boolean execute(Runnable task) {
    return loop.execute(task);
  }

  @Override
  public ScheduledTask schedule(Runnable task, Duration delay) {
    return loop.schedule(task, delay);
  }

  @Override
  public boolean isCurrent() {
    return loop.isCurrent();
  }
}
