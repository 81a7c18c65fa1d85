// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.CloseCode;
import dev.millrace.Limits;
import dev.millrace.internal.protocol.CloseBody;
import dev.millrace.internal.protocol.HandshakeResponse;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.protocol.ProtocolError;
import dev.millrace.internal.protocol.Refusal;
import dev.millrace.internal.spi.CloseReasons;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.Errno;
import dev.millrace.internal.spi.LoopCounter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * One socket from its acceptance, or its making, to its end. Loop thread only, but for {@link
 * #buffered()}.
 *
 * <pre>
 *   OPENING ----> OPEN -> CLOSING -> DRAINING -> ENDED
 *      |_____ refused ______^                      ^
 *           any phase, on a broken socket or a cut |
 * </pre>
 *
 * <p>OPENING: an {@link OpeningHandshake} has the socket. CLOSING: the last bytes, a Close frame or
 * an HTTP response, are queued, and nothing may be queued behind them. DRAINING: they have left,
 * and a server has sent FIN; what comes is read and discarded until the peer's FIN, because closing
 * with unread input would reset the connection and destroy what was just sent. A client sends no
 * FIN: the server closes first (RFC 6455 7.1.1).
 *
 * <p>A write that fails ends nothing by itself: the peer may have said why before, in a Close frame
 * that lies in the socket. What has come is read to its end, and nothing is sent any more.
 *
 * <p>What its connection has to hear of falls and the end is told by the loop, between two handler
 * calls ({@link NioLoop#tell}): a handler may flush, and a flush may find the socket broken.
 */
final class Stream {
  /** Where a stream stands in its life. */
  enum Phase {
    OPENING,
    OPEN,
    CLOSING,
    DRAINING,
    ENDED
  }

  /** Bytes thrown away behind our FIN before the peer is cut. */
  private static final long DISCARD_LIMIT = 16 << 20;

  private final NioLoop loop;
  private final SocketChannel channel;
  private final SelectionKey key;
  private final SendQueue queue;
  private final Watch watch;
  private final Pong pong = new Pong();
  private final Intake intake;
  private final Ending ending = new Ending();
  private Phase phase = Phase.OPENING;
  private int armed;

  private @Nullable OpeningHandshake opening;
  private @Nullable FrameReceiver receiver;
  private @Nullable NioConnection connection;
  private @Nullable Deflation deflation;

  // By the application or the queue of its executor; by us, until the peer takes what is queued;
  // for good, after a Close frame or a broken rule; by the peer's FIN.
  private boolean paused;
  private boolean stopped;
  private boolean inputEnded;
  private boolean endOfFile;

  // What waits above the queue comes before the peer's FIN ends this.
  private boolean finishesLater;
  private boolean isJudged;

  private boolean aboveLowMark;
  private long discarded;

  // Facts that wait to be told; the loop's.
  boolean isFallUntold;
  boolean isEndUntold;
  boolean isListedToTell;
  boolean isListedToTake;
  boolean isDirty;

  /** A socket that is registered and asks for nothing yet. */
  Stream(NioLoop loop, SocketChannel channel, SelectionKey key) {
    this.loop = loop;
    this.channel = channel;
    this.key = key;
    queue = new SendQueue(loop, this);
    watch = new Watch(this);
    intake = new Intake(this);
  }

  /** Begins the opening handshake, the first step of which may take so long. */
  void begin(OpeningHandshake opening, long nanos) {
    this.opening = opening;
    endIn(nanos);
  }

  /** The next step of the opening handshake may take no longer than that. */
  void endIn(long nanos) {
    watch.endIn(nanos);
    updateInterest();
  }

  NioLoop loop() {
    return loop;
  }

  SocketChannel channel() {
    return channel;
  }

  SendQueue queue() {
    return queue;
  }

  Intake intake() {
    return intake;
  }

  Phase phase() {
    return phase;
  }

  /** Whether it takes what is to be sent. */
  boolean isOpen() {
    return phase == Phase.OPEN && !ending.isBroken();
  }

  /** Whether messages that come are delivered. */
  boolean delivers() {
    return phase == Phase.OPEN;
  }

  boolean isOpening() {
    return phase == Phase.OPENING;
  }

  /** Whether the application takes its time over its request. */
  boolean isDecidedOn() {
    return opening != null && opening.isDecidedOn();
  }

  boolean hasEnded() {
    return phase == Phase.ENDED;
  }

  /** Whether nothing of the peer is parsed any more. */
  boolean isInputEnded() {
    return inputEnded || phase == Phase.ENDED;
  }

  @Nullable NioConnection connection() {
    return connection;
  }

  /** How messages are compressed; null if they are not. */
  @Nullable Deflation deflation() {
    return deflation;
  }

  /** Before it is open: how messages are compressed. */
  void compress(DeflateParameters parameters) {
    deflation = new Deflation(loop.codec(), parameters);
  }

  /** Any thread: bytes queued that the kernel has not taken. */
  long buffered() {
    return queue.bytes();
  }

  /** Whether the fall to the low mark will be told by itself. */
  boolean isAboveLowMark() {
    return aboveLowMark;
  }

  /** Memory that it holds. */
  long pinnedBytes() {
    return queue.bytes() + intake.pinnedBytes();
  }

  private Limits limits() {
    return loop.limits();
  }

  // ---- Readiness.

  /** The selector has found it ready. */
  void ready(int operations) {
    if ((operations & SelectionKey.OP_WRITE) != 0) {
      queue.flush();
    }
    OpeningHandshake handshake = opening;
    if (handshake != null) {
      if ((operations & handshake.operations()) != 0) {
        handshake.ready();
      }
      return;
    }
    if ((operations & SelectionKey.OP_READ) == 0 || !wantsRead()) {
      return;
    }
    FrameReceiver frames = receiver;
    if (frames != null && !inputEnded) {
      if (!isJudged && restsFromInflating()) {
        loop.takeHeldLater(this);
        updateInterest();
      } else if (!frames.isHolding()) {
        frames.receive();
      }
    } else {
      discard();
    }
  }

  private boolean wantsRead() {
    if (endOfFile) {
      return false;
    }
    return switch (phase) {
      case OPENING -> opening != null && (opening.operations() & SelectionKey.OP_READ) != 0;
      case DRAINING -> true;
      case OPEN -> !paused && !stopped && !inputEnded && !intake.isSpent();
      // The peer's Close may stand behind data that nobody wants any more.
      case CLOSING -> receiver != null && !stopped && !inputEnded;
      case ENDED -> false;
    };
  }

  /** Asks the selector for what is wanted now. */
  void updateInterest() {
    if (phase == Phase.ENDED) {
      return;
    }
    boolean reads = wantsRead();
    if (reads && receiver != null && receiver.isHolding()) {
      // In the order of what came: first what is held, then the socket.
      loop.takeHeldLater(this);
    }
    reads &= !isListedToTake;
    int wanted =
        (opening != null ? opening.operations() : reads ? SelectionKey.OP_READ : 0)
            | (queue.isBlocked() ? SelectionKey.OP_WRITE : 0);
    if (wanted != armed) {
      armed = wanted;
      key.interestOps(wanted);
    }
    watch.setConversing(reads && !queue.isBlocked());
  }

  /** Takes what has come, if it is wanted, before something is held against the peer. */
  void readOnce() {
    if (receiver == null || !receiver.isHolding()) {
      isJudged = true;
      loop.serve(this, SelectionKey.OP_READ | SelectionKey.OP_CONNECT);
      isJudged = false;
    }
  }

  /**
   * One receive: how many bytes came, 0 if none did or the stream has ended by it.
   *
   * @param into between position and limit
   */
  int receive(ByteBuffer into) {
    int received;
    try {
      received = channel.read(into);
    } catch (IOException e) {
      fail(e);
      return 0;
    }
    loop.counters().increment(LoopCounter.RECEIVES);
    if (received < 0) {
      peerFinished();
      return 0;
    }
    loop.counters().add(LoopCounter.BYTES_RECEIVED, received);
    if (received > 0) {
      watch.received();
    }
    return received;
  }

  /** The peer's FIN came. */
  private void peerFinished() {
    if (opening != null) {
      opening.finished();
      updateInterest();
      return;
    }
    endOfFile = true;
    lookAfterBacklog();
    if (phase == Phase.DRAINING || queue.isEmpty() && !finishesLater) {
      end(0, false);
      return;
    }
    // It may still be reading what we owe it.
    loop.markDirty(this);
    if (phase != Phase.CLOSING) {
      watch.close();
    }
    updateInterest();
  }

  /** What has been accepted and waits above the queue is asked for. */
  private void lookAfterBacklog() {
    finishesLater |= isOpen() && connection != null && connection.finishesLater();
  }

  /** What waited above the queue is in it. */
  void finish() {
    finishesLater = false;
    queueChanged();
  }

  private void discard() {
    int received = receive(loop.receiveBuffer().whole());
    countDiscarded(received);
  }

  /** Bytes that came and that nobody wants. */
  void countDiscarded(int length) {
    discarded += length;
    if (discarded > DISCARD_LIMIT) {
      end(0, false);
    }
  }

  // ---- The opening handshake.

  /** The request is none that can be served. */
  void refuse(Refusal refusal) {
    loop.counters().increment(LoopCounter.HANDSHAKES_REFUSED);
    respond(ByteBuffer.wrap(HandshakeResponse.refuse(refusal)));
  }

  /** Answers with a whole response, and closes behind it. */
  void respond(ByteBuffer response) {
    opening = null;
    if (queue.appendRaw(response)) {
      beginClosing();
    }
  }

  /** Answers 101; the connection is open. */
  void accept(byte[] response, NioConnection accepted) {
    opening = null;
    connection = accepted;
    if (queue.appendRaw(ByteBuffer.wrap(response))) {
      open(accepted);
    }
  }

  /** The connection is open, or ends at once where the socket has ended meanwhile. */
  void open(NioConnection opened) {
    opening = null;
    connection = opened;
    if (phase == Phase.ENDED) {
      isEndUntold = true;
      loop.tell(this);
      return;
    }
    phase = Phase.OPEN;
    receiver = new FrameReceiver(this);
    intake.open();
    watch.open();
  }

  /** What came behind the other's head before the connection was open: parsed in the next turn. */
  void hold(byte[] bytes, int from, int to) {
    if (receiver != null && from < to) {
      receiver.hold(ByteBuffer.wrap(bytes), from, to);
    }
    updateInterest();
  }

  /** What came behind the request, once it is answered by 101. */
  void receivedBehindRequest(Block bytes, int at, int end) {
    FrameReceiver frames = receiver;
    if (frames != null && at < end) {
      if (wantsRead()) {
        frames.parse(bytes, at, end);
      } else {
        frames.hold(bytes.bytes(), at, end);
      }
    }
    updateInterest();
  }

  /** What was held is parsed, or the socket read in its turn, if reading has not stopped again. */
  void takeHeld() {
    FrameReceiver frames = receiver;
    if (frames == null || !wantsRead()) {
      return;
    }
    if (frames.isHolding()) {
      frames.takeHeld();
    } else {
      loop.serve(this, SelectionKey.OP_READ);
    }
    updateInterest();
  }

  /** The message of it that is being inflated goes on, also if reading has stopped since. */
  void inflateOn() {
    if (receiver != null) {
      receiver.inflateOn();
    }
    updateInterest();
  }

  // ---- Flow.

  void pauseReads() {
    paused = true;
    updateInterest();
  }

  void resumeReads() {
    paused = false;
    updateInterest();
  }

  /** Whether no message may be delivered for want of credits, or by a quota. */
  boolean isSpent() {
    return phase == Phase.OPEN && intake.isSpent();
  }

  /**
   * Whether what it owes has stopped reads, or will at the end of the turn: then what has come
   * waits too, so that what one receive brings is not answered, or queued for a handler, far beyond
   * the mark.
   */
  boolean isFull() {
    NioConnection owner = connection;
    if (phase != Phase.OPEN || owner == null) {
      return false;
    }
    return owner.stopsDelivery()
        || queue.bytes() > limits().lowWaterMarkBytes() && !loop.isClient();
  }

  /** Whether it compresses, and nothing may be inflated now but what was begun. */
  boolean restsFromInflating() {
    return deflation != null && phase == Phase.OPEN && loop.codec().decompressor().rests();
  }

  /** Behind the message that took the last of it. */
  void stopTaking() {
    intake.stop();
    updateInterest();
  }

  /** So many messages and bytes more may be delivered. */
  void request(long messages, long bytes) {
    if (messages > 0) {
      intake.credits().requestMessages(messages);
    }
    if (bytes > 0) {
      intake.credits().requestBytes(bytes);
    }
    updateInterest();
  }

  /** Whether what is sent may wait for more. */
  boolean mayBatch() {
    return isOpen() && !endOfFile;
  }

  /** A part of a message came, or went. */
  void moved() {
    watch.moved();
  }

  /** The socket was asked to take what is queued, and has or has not taken some of it. */
  void flushed(boolean tookSome) {
    if (phase == Phase.ENDED) {
      return;
    }
    watch.flushed(tookSome, queue.isBlocked());
    queueChanged();
  }

  /**
   * What follows from more or fewer bytes in the queue, after the socket was asked to take some.
   */
  void queueChanged() {
    if (phase == Phase.ENDED) {
      return;
    }
    if (queue.bytes() > limits().lowWaterMarkBytes()) {
      // The server's rule alone: if both sides waited for the other to read, both would wait for
      // ever.
      boolean stops = phase == Phase.OPEN && !loop.isClient();
      if (stops && !stopped) {
        loop.counters().increment(LoopCounter.READS_STOPPED);
      }
      stopped = stops;
      aboveLowMark = true;
    } else if (aboveLowMark) {
      aboveLowMark = false;
      stopped = false;
      if (connection != null) {
        isFallUntold = true;
        loop.tell(this);
      }
    }
    if (queue.isEmpty()) {
      if (phase == Phase.CLOSING) {
        lastByteSent();
        return;
      }
      if (endOfFile) {
        if (!finishesLater) {
          lookAfterBacklog(); // it may have come since
        }
        if (!finishesLater) {
          end(0, false);
        }
        return;
      }
      if (pong.isWaiting() && isOpen()) {
        loop.markDirty(this);
      }
    }
    updateInterest();
  }

  // ---- Pings.

  /** A ping came. */
  void queuePong(ByteBuffer payload, int at, int length) {
    pong.keep(payload, at, length);
    appendPong();
    loop.markDirty(this);
  }

  /** Queues the pong that waits, if the connection may still send and its socket is not full. */
  void appendPong() {
    if (isOpen() && pong.appendTo(queue)) {
      loop.counters().increment(LoopCounter.PONGS_SENT);
    }
  }

  /** A pong came that may answer a ping of ours. */
  void ponged(long payload) {
    long now = System.nanoTime();
    watch.ponged(payload, now);
    if (connection != null) {
      connection.onPong(payload, now);
    }
  }

  /** The application has sent a ping. */
  void awaitPong() {
    if (phase == Phase.OPEN) {
      watch.awaitPong();
    }
  }

  // ---- Closing.

  /** A Close frame behind everything queued; the first wins and is the only one. */
  void close(int code, String reason) {
    if (phase != Phase.OPEN) {
      return;
    }
    appendPong();
    byte[] text = reason.getBytes(StandardCharsets.UTF_8);
    ByteBuffer body = ByteBuffer.allocate(code == 0 ? 0 : 2 + text.length);
    if (code != 0) {
      body.putShort((short) code).put(text);
    }
    if (queue.appendControl(Opcode.CLOSE, body.array(), body.capacity()) || ending.isBroken()) {
      beginClosing();
    }
  }

  /** The peer's Close frame came, in order. */
  void peerClosed(ByteBuffer body, int at, int length) {
    ProtocolError error = CloseBody.judge(body, at, length, loop.relaxed());
    if (error != ProtocolError.NONE) {
      fail(error);
      return;
    }
    ending.closeReceived = true;
    int code = CloseBody.code(body, at, length);
    ending.closeCode = code == 0 ? CloseCode.NO_STATUS_RECEIVED : code;
    // Of a broken socket the peer's is the only one, whatever was queued.
    ending.peerBegan = phase == Phase.OPEN || ending.isBroken();
    byte[] reason = new byte[Math.max(0, length - 2)];
    body.get(at + length - reason.length, reason);
    endInput(ending.peerBegan, code, 0, new String(reason, StandardCharsets.UTF_8));
  }

  /**
   * The peer broke a rule, or was idle too long: nothing of it is parsed any more, and its
   * connection is told.
   */
  void fail(ProtocolError error) {
    dropMessage();
    boolean isCause = phase == Phase.OPEN;
    if (isCause) {
      loop.counters()
          .increment(
              error == ProtocolError.IDLE
                  ? LoopCounter.DEADLINES_PASSED
                  : LoopCounter.PROTOCOL_ERRORS);
      ending.error = error;
      ending.closeCode = error.closeCode();
    }
    endInput(isCause, error.closeCode(), error.number(), "");
  }

  /** The last of the peer is parsed, and told if it is what the connection ends of. */
  private void endInput(boolean isCause, int code, int error, String reason) {
    inputEnded = true;
    NioConnection told = connection;
    if (isCause && told != null) {
      watch.close();
      told.onClosing(code, error, reason);
    }
    if (ending.isBroken()) {
      end(0, false);
    } else {
      updateInterest();
    }
  }

  /** Nothing may be queued any more. */
  private void beginClosing() {
    phase = Phase.CLOSING;
    dropMessage();
    stopped = false;
    watch.close();
    loop.markDirty(this);
  }

  private void dropMessage() {
    if (receiver != null) {
      receiver.dropMessage();
    }
  }

  /** The kernel has everything that was queued on a closing stream. */
  private void lastByteSent() {
    if (!loop.isClient()) {
      try {
        channel.shutdownOutput();
      } catch (IOException e) {
        fail(e);
        return;
      }
    }
    phase = Phase.DRAINING;
    if (endOfFile) {
      end(0, false);
      return;
    }
    updateInterest();
  }

  /** Handlers have not come to the peer's Close, or its error, in time: answered without them. */
  private void forceClose() {
    close(CloseBody.isSendable(ending.closeCode) ? ending.closeCode : 0, "");
    queue.flush();
  }

  /** No memory is left, and this one holds most. */
  void giveWay() {
    ending.closeCode = CloseCode.TRY_AGAIN_LATER;
    // A Close frame can only stand between frames; the blocks of a queue would stay pinned until
    // the peer reads.
    if (isOpen() && queue.isEmpty() && ending.errno != Errno.ENOMEM) {
      ending.errno = Errno.ENOMEM;
      inputEnded = true;
      dropMessage();
      forceClose();
    } else {
      end(Errno.ENOMEM, true);
    }
  }

  // ---- The end.

  /** The phase has taken too long. */
  void timeOut() {
    if (opening != null) {
      opening.late();
      return;
    }
    // Who has sent a Close too, and keeps the socket, has said all that was waited for.
    ending.timedOut |= phase != Phase.DRAINING || !ending.closeReceived;
    if (phase == Phase.OPEN && inputEnded) {
      forceClose();
    } else {
      end(0, phase != Phase.DRAINING);
    }
  }

  /** The peer does not even answer, or take what it is sent. */
  void cut(ProtocolError error) {
    loop.counters().increment(LoopCounter.DEADLINES_PASSED);
    if (opening != null) {
      opening.late();
      return;
    }
    // A rule that was broken before is the better reason.
    if (ending.error == ProtocolError.NONE) {
      ending.error = error;
      ending.closeCode = error.closeCode();
    }
    end(0, true);
  }

  /** The socket is broken. */
  void fail(IOException broken) {
    if (!hasShakenHands()) {
      ending.broke(broken);
    }
    end(0, false);
  }

  /** The socket takes nothing any more. What the peer has said before that may still lie in it. */
  void failWrite(IOException broken) {
    NioConnection told = connection;
    if (receiver == null || inputEnded || told == null) {
      fail(broken);
      return;
    }
    ending.broke(broken);
    queue.drop();
    if (phase == Phase.OPEN) {
      watch.close();
      told.onBroken();
      // A message may wait for its handler until what was sent before has left.
      isFallUntold = true;
      loop.tell(this);
    }
  }

  /** Both have sent Close, and this side waits for no more than the server's FIN. */
  private boolean hasShakenHands() {
    return loop.isClient() && phase == Phase.DRAINING && ending.closeReceived;
  }

  /** The loop's orderly end begins. */
  void drain() {
    if (opening != null) {
      opening.drain();
    }
  }

  /** The socket is closed and everything is given back. The connection is told later. */
  void end(int error, boolean reset) {
    if (phase == Phase.ENDED) {
      return;
    }
    phase = Phase.ENDED;
    if (error != 0) {
      ending.errno = error;
    }
    watch.end();
    intake.end();
    if (receiver != null) {
      receiver.drop();
    }
    queue.drop();
    if (deflation != null) {
      deflation.end();
    }
    loop.counters().increment(LoopCounter.CLOSED);
    loop.sockets().ended();
    if (connection != null) {
      isEndUntold = true;
      loop.tell(this);
    }
    if (reset) {
      Listener.reset(channel);
    } else {
      Listener.close(channel);
    }
    OpeningHandshake dropped = opening;
    opening = null;
    if (dropped != null) {
      dropped.drop(ending.errno, ending.failure);
    }
  }

  /** How it ended, for its connection. */
  CloseReasons.End seen() {
    return ending.seen();
  }
}
