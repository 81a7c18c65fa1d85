// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptFailures;
import dev.millrace.internal.spi.AttemptListener;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.ResponseHead;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * A socket of the core on its way to a connection: one slot and generation, once the core has told
 * them. Loop thread only.
 */
final class NativeAttempt implements Attempt {
  private static final int MAX_REQUEST_BYTES = 64 << 10;

  private enum State {
    /** The core has not told the slot yet. */
    DIALED,
    CONNECTING,
    CONNECTED,
    ASKED,
    ANSWERED,
    /** The listener is about to hear of it. */
    FAILED,
    OPEN,
    OVER
  }

  private final NativeLoop loop;
  private final SocketAddress remote;
  private final Duration timeout;
  private final AttemptListener listener;
  private State state = State.DIALED;
  private int slot;
  private int generation;

  NativeAttempt(NativeLoop loop, SocketAddress remote, Duration timeout, AttemptListener listener) {
    this.loop = loop;
    this.remote = remote;
    this.timeout = timeout;
    this.listener = listener;
  }

  int slot() {
    return slot;
  }

  int generation() {
    return generation;
  }

  @Override
  public SocketAddress remote() {
    return remote;
  }

  // ---- What the core says.

  void onRefused(int errno) {
    fail(AttemptFailures.notConnected(remote, errno, null));
  }

  void onDialed(int slot, int generation) {
    this.slot = slot;
    this.generation = generation;
    if (state == State.DIALED) {
      state = State.CONNECTING;
    } else {
      loop.outgoing().abort(slot, generation); // cancelled meanwhile
    }
  }

  void onConnected() {
    if (state == State.CONNECTING) {
      state = State.CONNECTED;
      tell(() -> listener.onConnected(this));
    }
  }

  void onResponse(byte[] head, int status) {
    if (state == State.ASKED) {
      state = State.ANSWERED;
      tell(() -> listener.onResponse(this, new ResponseHead(head, status)));
    }
  }

  void onClosed(int protocolError, int errno, boolean timedOut) {
    boolean connecting = state == State.CONNECTING;
    IOException failure;
    if (timedOut) {
      failure =
          connecting
              ? AttemptFailures.connectTimedOut(remote, timeout)
              : AttemptFailures.handshakeTimedOut(remote, loop.handshakeTimeout());
    } else if (protocolError != 0) {
      failure = AttemptFailures.malformed();
    } else if (errno != 0) {
      failure =
          connecting
              ? AttemptFailures.notConnected(remote, errno, null)
              : AttemptFailures.broken(errno, null);
    } else {
      failure = AttemptFailures.ended();
    }
    state = state == State.OVER ? State.OVER : State.FAILED;
    fail(failure);
  }

  // ---- What the listener asks for.

  @Override
  public void ask(byte[] request) {
    if (isOver()) {
      return;
    }
    if (state != State.CONNECTED && state != State.ANSWERED) {
      throw new IllegalStateException("asked out of turn: state=" + state);
    }
    if (request.length > MAX_REQUEST_BYTES) {
      throw new IllegalArgumentException(
          "request too long: length=" + request.length + ", limit=" + MAX_REQUEST_BYTES);
    }
    state = State.ASKED;
    loop.outgoing().ask(slot, generation, request);
  }

  @Override
  public Connection open(
      Handler handler,
      Handshake handshake,
      @Nullable Executor executor,
      @Nullable DeflateParameters deflate) {
    if (state != State.ANSWERED) {
      throw new IllegalStateException("opened out of turn: state=" + state);
    }
    state = State.OPEN;
    NativeConnection connection =
        new NativeConnection(loop, slot, generation, handler, handshake, executor);
    loop.clientLoop().remove(this);
    loop.open(connection, deflate);
    return connection;
  }

  @Override
  public void cancel() {
    if (isOver()) {
      return;
    }
    boolean hasSlot = state != State.DIALED && state != State.FAILED;
    state = State.OVER;
    if (hasSlot) {
      loop.outgoing().abort(slot, generation);
    }
  }

  private boolean isOver() {
    return state == State.OPEN || state == State.OVER;
  }

  // ---- The end.

  /** Closes the socket, if there is one, and tells. */
  void fail(IOException failure) {
    if (!isOver()) {
      cancel();
      tell(() -> listener.onFailed(this, failure));
    }
  }

  /** There is no socket, which the listener hears when its call has returned. */
  void failLater(IOException failure) {
    state = State.FAILED;
    if (!loop.execute(() -> fail(failure))) {
      fail(failure);
    }
  }

  /** Who cannot go on leaves no socket behind that nobody waits for. */
  private void tell(Runnable call) {
    try {
      call.run();
    } catch (Throwable t) {
      NativeLoop.log(Level.ERROR, "a client's attempt could not go on", t);
      fail(new IOException("the attempt could not go on", t));
    }
  }
}
