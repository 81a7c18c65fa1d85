// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.SocketOptions;
import dev.millrace.internal.protocol.ResponseParser;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptFailures;
import dev.millrace.internal.spi.AttemptListener;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.Errno;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.internal.spi.ResponseHead;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * The client's side of an opening handshake: a socket that connects, a request that is asked, the
 * response so far. Loop thread only.
 *
 * <p>Read is only while a response is awaited. What comes behind it waits here, and in the socket,
 * for the connection; it is nobody's if something else is asked.
 */
final class NioAttempt implements Attempt, OpeningHandshake {
  private static final int MAX_REQUEST_BYTES = 64 << 10;
  private static final int RECEIVED_BYTES = 16 << 10;
  private static final byte[] NOTHING = {};

  private enum State {
    CONNECTING,
    CONNECTED,
    ASKED,
    ANSWERED,
    /** The listener is about to hear of it. */
    FAILED,
    OPEN,
    OVER
  }

  private final NioLoop loop;
  private final SocketAddress remote;
  private final Duration timeout;
  private final AttemptListener listener;
  private State state = State.CONNECTING;

  // Null where no socket could be made.
  private @Nullable Stream stream;

  // The response, and what came behind it.
  private ResponseParser parser;
  private byte[] head = NOTHING;
  private int length;

  NioAttempt(NioLoop loop, SocketAddress remote, Duration timeout, AttemptListener listener) {
    this.loop = loop;
    this.remote = remote;
    this.timeout = timeout;
    this.listener = listener;
    parser = new ResponseParser(loop.handshakeLimits());
  }

  @Override
  public SocketAddress remote() {
    return remote;
  }

  // ---- Connecting.

  /** Begins to connect; what comes of it is told by a later task. */
  void begin(SocketOptions options) {
    String refusal = ClientSocket.refusal(remote, options);
    if (refusal != null || !loop.takesSockets()) {
      failLater(
          refusal == null
              ? AttemptFailures.closed()
              : AttemptFailures.notConnected(remote, refusal));
      return;
    }
    try {
      connect(options);
    } catch (IOException e) {
      failLater(told(Errno.of(e), e));
    } catch (RuntimeException e) {
      // The JDK knows no such address.
      failLater(AttemptFailures.notConnected(remote, String.valueOf(e.getMessage())));
    }
  }

  private void connect(SocketOptions options) throws IOException {
    SocketChannel channel = ClientSocket.open(remote, options);
    try {
      Stream made = loop.sockets().add(channel);
      stream = made;
      made.begin(this, Timeouts.nanos(timeout));
      if (channel.connect(remote)) {
        loop.post(this::connected);
      }
    } catch (Throwable t) {
      Listener.close(channel);
      throw t;
    }
  }

  private void connected() {
    Stream mine = stream;
    if (state == State.CONNECTING && mine != null) {
      state = State.CONNECTED;
      mine.endIn(loop.timeouts().handshake());
      loop.countEvent();
      listener.onConnected(this);
    }
  }

  // ---- What the stream says.

  @Override
  public int operations() {
    return switch (state) {
      case CONNECTING -> SelectionKey.OP_CONNECT;
      case ASKED -> SelectionKey.OP_READ;
      default -> 0;
    };
  }

  @Override
  public void ready() {
    Stream mine = stream;
    if (mine == null) {
      return;
    }
    if (state == State.ASKED) {
      receive(mine);
      return;
    }
    boolean isConnected;
    try {
      isConnected = mine.channel().finishConnect();
    } catch (IOException e) {
      mine.fail(e);
      return;
    }
    if (isConnected) {
      connected();
    }
  }

  private void receive(Stream mine) {
    ReceiveBuffer buffer = loop.receiveBuffer();
    int received = mine.receive(buffer.room(0, RECEIVED_BYTES));
    if (received == 0) {
      return;
    }
    if (length + received > head.length) {
      head = Arrays.copyOf(head, length + received);
    }
    buffer.block().bytes().get(ReceiveBuffer.START, head, length, received);
    length += received;
    switch (parser.parse(head, length)) {
      case INCOMPLETE -> {
        // The rest is still to come; the deadline stands.
      }
      case MALFORMED -> {
        loop.counters().increment(LoopCounter.PROTOCOL_ERRORS);
        fail(AttemptFailures.malformed());
      }
      case COMPLETE -> answered(mine);
    }
  }

  private void answered(Stream mine) {
    state = State.ANSWERED;
    mine.updateInterest();
    loop.countEvent();
    byte[] response = Arrays.copyOfRange(head, parser.headStart(), parser.headEnd());
    listener.onResponse(this, new ResponseHead(response, parser.status()));
  }

  @Override
  public void finished() {
    fail(AttemptFailures.ended());
  }

  @Override
  public void late() {
    fail(
        state == State.CONNECTING
            ? AttemptFailures.connectTimedOut(remote, timeout)
            : AttemptFailures.handshakeTimedOut(remote, loop.limits().handshakeTimeout()));
  }

  @Override
  public boolean isDecidedOn() {
    return false;
  }

  @Override
  public void drain() {
    fail(AttemptFailures.closed());
  }

  // ---- What the listener asks for.

  @Override
  public void ask(byte[] request) {
    Stream mine = stream;
    if (isOver() || state == State.FAILED || mine == null) {
      return;
    }
    if (state != State.CONNECTED && state != State.ANSWERED) {
      throw new IllegalStateException("asked out of turn: state=" + state);
    }
    if (request.length > MAX_REQUEST_BYTES) {
      throw new IllegalArgumentException(
          "request too long: length=" + request.length + ", limit=" + MAX_REQUEST_BYTES);
    }
    if (state == State.ANSWERED && parser.headEnd() < length) {
      loop.counters().increment(LoopCounter.PROTOCOL_ERRORS);
      failLater(AttemptFailures.malformed());
      return;
    }
    state = State.ASKED;
    parser = new ResponseParser(loop.handshakeLimits());
    length = 0;
    if (mine.queue().appendRaw(ByteBuffer.wrap(request))) {
      mine.endIn(loop.timeouts().handshake());
    }
  }

  @Override
  public Connection open(
      Handler handler,
      Handshake handshake,
      @Nullable Executor executor,
      @Nullable DeflateParameters deflate) {
    Stream mine = stream;
    if (mine == null || state != State.ANSWERED && !mine.hasEnded()) {
      throw new IllegalStateException("opened out of turn: state=" + state);
    }
    state = State.OPEN;
    NioConnection connection = new NioConnection(mine, handler, handshake, executor);
    loop.connections().tryAdd();
    loop.connectionBegan();
    if (deflate != null && !mine.hasEnded()) {
      mine.compress(deflate);
    }
    mine.open(connection);
    connection.onOpen();
    mine.hold(head, parser.headEnd(), length);
    head = NOTHING;
    return connection;
  }

  @Override
  public void cancel() {
    if (!isOver()) {
      end();
    }
  }

  // ---- The end.

  private boolean isOver() {
    return state == State.OPEN || state == State.OVER;
  }

  private void end() {
    state = State.OVER;
    head = NOTHING;
    if (stream != null) {
      stream.end(0, false);
    }
  }

  private void fail(IOException failure) {
    if (!isOver()) {
      end();
      tell(failure);
    }
  }

  /** Fails, but not within this call of the listener's. */
  private void failLater(IOException failure) {
    state = State.FAILED;
    loop.post(
        new Inbox.Task() {
          @Override
          void run() {
            fail(failure);
          }

          @Override
          void drop() {
            super.drop();
            fail(failure);
          }
        });
  }

  @Override
  public void drop(int errno, @Nullable IOException failure) {
    if (!isOver()) {
      IOException told = errno == 0 ? AttemptFailures.closed() : told(errno, failure);
      end();
      tell(told);
    }
  }

  private IOException told(int errno, @Nullable IOException failure) {
    return state == State.CONNECTING
        ? AttemptFailures.notConnected(remote, errno, failure)
        : AttemptFailures.broken(errno, failure);
  }

  private void tell(IOException failure) {
    loop.countEvent();
    loop.runLogging(() -> listener.onFailed(this, failure));
  }
}
