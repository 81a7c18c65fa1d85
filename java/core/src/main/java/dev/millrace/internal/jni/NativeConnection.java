// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.ScheduledTask;
import dev.millrace.SendException;
import dev.millrace.SendResult;
import dev.millrace.internal.ring.PostedSend;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.AbstractConnection;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A connection of a native loop: one slot and generation of the core.
 *
 * <p><b>Two ways out.</b> On its loop's thread a send becomes a command at once: short payloads are
 * staged in the send area, received ones borrowed where they lie, blocks handed over. On every
 * other thread the bytes go into a block of the shared region and a record into the loop's inbox.
 *
 * <p><b>Counting what is buffered.</b> A byte that was accepted is counted in at least one of three
 * places, and moves from left to right:
 *
 * <pre>
 *   posted           by other threads, in the inbox       atomic
 *   staged           in commands that are not executed    the loop's, void when its batch is over
 *   the slot's word  executed, not taken by the kernel    the core's
 * </pre>
 *
 * It is added to the next place before it leaves the one before, and readers look from left to
 * right, so nobody sees too little. The loop's batch number moves on when the core has executed a
 * batch; that makes every connection's {@code staged} void at once, without a list of those that
 * have any. One exception: a batch without posted bytes is over when its call begins, because the
 * call may wait; for that moment other threads see the loop's own sends of one turn in neither
 * place. Posted bytes are executed by a call of their own, which does not wait.
 *
 * <p>So the loop alone, or other threads alone, exceed the mark by at most one message. Where both
 * send to one connection at the same moment they may exceed it by one each, and in that one moment
 * by what the loop has sent in the turn, which is itself below the mark.
 */
final class NativeConnection extends AbstractConnection {
  private static final VarHandle PHASE;
  private static final VarHandle POSTED;
  private static final VarHandle STAGED;
  private static final VarHandle STAGED_BATCH;
  private static final VarHandle WRITABLE_OWED;
  private static final VarHandle COMPLETIONS;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      PHASE = lookup.findVarHandle(NativeConnection.class, "phase", int.class);
      POSTED = lookup.findVarHandle(NativeConnection.class, "posted", long.class);
      STAGED = lookup.findVarHandle(NativeConnection.class, "staged", long.class);
      STAGED_BATCH = lookup.findVarHandle(NativeConnection.class, "stagedBatch", long.class);
      WRITABLE_OWED = lookup.findVarHandle(NativeConnection.class, "writableOwed", boolean.class);
      COMPLETIONS = lookup.findVarHandle(NativeConnection.class, "completions", Completions.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int OPEN = 0;
  private static final int CLOSING = 1;
  private static final int ENDED = 2;

  private static final long NO_TOKEN = 0;

  /** A message that could not be sent for this length would not leave a quarter of any region. */
  private static final int MAX_PAYLOAD_LENGTH = 256 << 20;

  private final NativeLoop loop;
  private final int slot;
  private final int generation;

  private volatile int phase = OPEN;
  private volatile long posted;
  private long staged;

  // What was buffered when the loop last admitted a send, and what it has written since.
  private long admitted;
  private long stagedBatch = -1;

  // The mark was reached or a send refused: onWritable is owed.
  private volatile boolean writableOwed;

  // How the closing handshake began, as far as Java knows; null while open.
  private volatile @Nullable CloseReason beginning;
  private volatile @Nullable Completions completions;
  private volatile @Nullable RoundTrip roundTrip;

  NativeConnection(
      NativeLoop loop, int slot, int generation, Handler handler, Handshake handshake) {
    super(handler, handshake);
    this.loop = loop;
    this.slot = slot;
    this.generation = generation;
  }

  NativeLoop loop() {
    return loop;
  }

  int slot() {
    return slot;
  }

  int generation() {
    return generation;
  }

  @Override
  public long id() {
    return loop.connectionId(slot, generation);
  }

  // ---- Sending on the loop's thread and on others.

  @Override
  public SendResult send(Message message) {
    if (!(message instanceof NativeMessage received)) {
      return sendBytes(NativeMessage.opcodeOf(message.kind()), message.payload(), NO_TOKEN);
    }
    received.requireValid();
    int length = received.payloadLength();
    if (received.loop() == loop) {
      SendResult refusal = refusal();
      if (refusal != SendResult.ACCEPTED) {
        return refusal;
      }
      loop.outgoing()
          .send(this, received.opcode(), Records.BORROWED, received.address(), length, NO_TOKEN);
      return SendResult.ACCEPTED;
    }
    SendResult refusal = reserve(length);
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    return post(received.opcode(), received.toOwnedBlock(), length, NO_TOKEN);
  }

  @Override
  public SendResult send(Lease lease) {
    return sendLease(lease, NO_TOKEN);
  }

  @Override
  public SendResult send(ByteBuffer binary) {
    return sendBytes(Records.BINARY, binary, NO_TOKEN);
  }

  @Override
  public SendResult send(CharSequence text) {
    return sendText(text, NO_TOKEN);
  }

  private SendResult sendLease(Lease lease, long token) {
    if (!(lease instanceof NativeLease taken)) {
      return sendForeign(lease, token);
    }
    taken.take();
    long address = taken.payloadAddress();
    int length = taken.payloadLength();
    if (!loop.isCurrent()) {
      SendResult refusal = reserve(length);
      if (refusal == SendResult.ACCEPTED) {
        return post(taken.opcode(), address, length, token);
      }
      NativeCalls.release(address);
      return refusal;
    }
    SendResult refusal = refusal();
    if (refusal == SendResult.ACCEPTED) {
      loop.outgoing().send(this, taken.opcode(), Records.OWNED, address, length, token);
    } else {
      NativeCalls.release(address);
    }
    return refusal;
  }

  /** A lease of another engine: its bytes are copied, and it is consumed all the same. */
  private SendResult sendForeign(Lease lease, long token) {
    try (lease) {
      ByteBuffer bytes = lease.buffer().duplicate();
      bytes.limit(lease.offset() + lease.length()).position(lease.offset());
      return sendBytes(NativeMessage.opcodeOf(lease.kind()), bytes, token);
    }
  }

  private SendResult sendBytes(int opcode, ByteBuffer bytes, long token) {
    int length = bytes.remaining();
    requireLength(length);
    if (loop.isCurrent()) {
      SendResult refusal = refusal();
      return refusal == SendResult.ACCEPTED
          ? orOutOfMemory(loop.outgoing().sendCopy(this, opcode, bytes, length, token))
          : refusal;
    }
    SendResult refusal = reserve(length);
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    long block = SharedMemory.acquire(length);
    if (block >= 0) {
      SharedMemory.region().put(Records.offset(block), bytes, bytes.position(), length);
    }
    return post(opcode, block, length, token);
  }

  private SendResult sendText(CharSequence text, long token) {
    if (loop.isCurrent()) {
      SendResult refusal = refusal();
      return refusal == SendResult.ACCEPTED
          ? orOutOfMemory(loop.outgoing().sendText(this, text, token))
          : refusal;
    }
    int length = requireLength(Utf8Encoder.encodedLength(text));
    SendResult refusal = reserve(length);
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    long block = SharedMemory.acquire(length);
    if (block >= 0) {
      encodeShared(text, block, length);
    }
    return post(Records.TEXT, block, length, token);
  }

  /**
   * The text may be one that another thread changes: what was measured is not always what is
   * encoded.
   */
  private void encodeShared(CharSequence text, long block, int length) {
    ByteBuffer place = SharedMemory.region().slice(Records.offset(block), Math.max(1, length));
    boolean encoded = false;
    try {
      place.order(ByteOrder.LITTLE_ENDIAN);
      encoded = Utf8Encoder.encode(text, place, 0) == length;
    } finally {
      if (!encoded) {
        POSTED.getAndAdd(this, -frameLength(length));
        NativeCalls.release(block);
      }
    }
    if (!encoded) {
      throw new IllegalStateException("the text changed while it was sent: length=" + length);
    }
  }

  static int requireLength(long length) {
    if (length > MAX_PAYLOAD_LENGTH) {
      throw new IllegalArgumentException(
          "message too long to send: length=" + length + ", limit=" + MAX_PAYLOAD_LENGTH);
    }
    return (int) length;
  }

  @Override
  public SendResult sendAll(List<? extends Lease> leases) {
    NativeLease[] taken = takeAll(leases);
    long bytes = 0;
    for (NativeLease lease : taken) {
      bytes += frameLength(lease.payloadLength());
    }
    boolean current = loop.isCurrent();
    SendResult refusal = current ? refusal() : reserveBytes(bytes);
    if (refusal != SendResult.ACCEPTED) {
      releaseAll(taken);
    } else if (current) {
      sendTaken(taken);
    } else {
      postAll(taken, bytes);
    }
    return refusal;
  }

  private NativeLease[] takeAll(List<? extends Lease> leases) {
    NativeLease[] taken = new NativeLease[leases.size()];
    int count = 0;
    try {
      for (Lease lease : leases) {
        if (!(lease instanceof NativeLease mine)) {
          throw new IllegalArgumentException(
              "a lease of another engine: class=" + lease.getClass().getName());
        }
        mine.take();
        taken[count++] = mine;
      }
      return taken;
    } catch (RuntimeException e) {
      while (count > 0) {
        taken[--count].giveBack();
      }
      throw e;
    }
  }

  private void sendTaken(NativeLease[] taken) {
    for (NativeLease lease : taken) {
      loop.outgoing()
          .send(
              this,
              lease.opcode(),
              Records.OWNED,
              lease.payloadAddress(),
              lease.payloadLength(),
              NO_TOKEN);
    }
  }

  private static void releaseAll(NativeLease[] taken) {
    for (NativeLease lease : taken) {
      NativeCalls.release(lease.payloadAddress());
    }
  }

  /** As one task, because the inbox might have room for some of them only. */
  private void postAll(NativeLease[] taken, long bytes) {
    loop.post(
        new LoopTask() {
          @Override
          public void run() {
            if (phase == ENDED) {
              releaseAll(taken);
              return;
            }
            // Counted as posted until here, and as staged from here on.
            admitted = 0;
            sendTaken(taken);
            POSTED.getAndAdd(NativeConnection.this, -bytes);
            loop.executePosted();
          }

          @Override
          void drop() {
            super.drop();
            releaseAll(taken);
          }
        });
  }

  // ---- Sending with a completion.

  @Override
  public CompletionStage<Void> sendAsync(Lease lease) {
    return sendAsync(token -> sendLease(lease, token));
  }

  @Override
  public CompletionStage<Void> sendAsync(ByteBuffer binary) {
    return sendAsync(token -> sendBytes(Records.BINARY, binary, token));
  }

  @Override
  public CompletionStage<Void> sendAsync(CharSequence text) {
    return sendAsync(token -> sendText(text, token));
  }

  private CompletionStage<Void> sendAsync(LongFunction<SendResult> send) {
    CompletableFuture<Void> future = new CompletableFuture<>();
    Completions waiting = completions();
    long token = loop.nextToken(slot);
    // Kept before it is sent: the event may come before the send has returned.
    waiting.add(token, future);
    SendResult result;
    try {
      result = send.apply(token);
    } catch (Throwable t) {
      waiting.remove(token);
      throw t;
    }
    if (result != SendResult.ACCEPTED) {
      waiting.remove(token);
      future.completeExceptionally(new SendException(result));
    }
    return future.minimalCompletionStage();
  }

  private Completions completions() {
    Completions current = completions;
    if (current == null) {
      Completions fresh = new Completions();
      Completions before = (Completions) COMPLETIONS.compareAndExchange(this, null, fresh);
      current = before == null ? fresh : before;
    }
    // Made after the end has looked for them: nobody else will end them.
    if (phase == ENDED) {
      current.end();
    }
    return current;
  }

  // ---- Admission.

  /** Loop thread: whether a send may go on. */
  private SendResult refusal() {
    if (phase != OPEN) {
      return SendResult.CLOSED;
    }
    admitted = posted + stagedBytes() + loop.bufferedWord(slot);
    if (admitted < loop.highWaterMark()) {
      return SendResult.ACCEPTED;
    }
    oweWritable(false);
    return SendResult.REFUSED;
  }

  private SendResult reserve(int length) {
    return reserveBytes(frameLength(length));
  }

  /** Other threads: whether a send may go on; its bytes are counted then. */
  private SendResult reserveBytes(long bytes) {
    if (phase != OPEN) {
      return SendResult.CLOSED;
    }
    long before = (long) POSTED.getAndAdd(this, bytes) + stagedBytes() + loop.bufferedWord(slot);
    boolean accepted = before < loop.highWaterMark();
    if (!accepted) {
      POSTED.getAndAdd(this, -bytes);
    }
    if (before + bytes >= loop.highWaterMark()) {
      oweWritable(false);
    }
    return accepted ? SendResult.ACCEPTED : SendResult.REFUSED;
  }

  /** Posts a message whose bytes are reserved; a negative block says that no memory was left. */
  private SendResult post(int opcode, long block, int length, long token) {
    if (block >= 0) {
      long head = PostedSend.head(opcode, slot);
      long third = PostedSend.lengthAndGeneration(length, generation);
      if (loop.offer(head, block, third, token)) {
        return SendResult.ACCEPTED;
      }
      NativeCalls.release(block);
    }
    POSTED.getAndAdd(this, -frameLength(length));
    oweWritable(block < 0);
    return SendResult.REFUSED;
  }

  private SendResult orOutOfMemory(boolean accepted) {
    if (accepted) {
      return SendResult.ACCEPTED;
    }
    oweWritable(true);
    return SendResult.REFUSED;
  }

  /** A send was refused, or the mark is reached: the loop looks when that is over. */
  private void oweWritable(boolean outOfMemory) {
    if (WRITABLE_OWED.compareAndSet(this, false, true)) {
      loop.awaitWritable(this, outOfMemory);
    }
  }

  /** Loop thread: a send that was admitted here has become a command. */
  void addSent(int length, long batch) {
    addStaged(length, batch);
    admitted += frameLength(length);
    if (admitted >= loop.highWaterMark()) {
      oweWritable(false);
    }
  }

  /** Loop thread: a posted message has become a command. */
  void addPosted(int length, long batch) {
    addStaged(length, batch);
    POSTED.getAndAdd(this, -frameLength(length));
  }

  private void addStaged(int length, long batch) {
    long bytes = frameLength(length);
    if (stagedBatch == batch) {
      STAGED.setOpaque(this, staged + bytes);
    } else {
      STAGED.setOpaque(this, bytes);
      STAGED_BATCH.setRelease(this, batch);
    }
  }

  private long stagedBytes() {
    long batch = (long) STAGED_BATCH.getAcquire(this);
    return batch == loop.batch() ? (long) STAGED.getOpaque(this) : 0;
  }

  /** What a payload takes with its header, which is never masked (RFC 6455 5.2). */
  static long frameLength(int length) {
    if (length <= 125) {
      return length + 2L;
    }
    return length <= 0xFFFF ? length + 4L : length + 10L;
  }

  @Override
  public long bufferedBytes() {
    return phase == ENDED ? 0 : posted + stagedBytes() + loop.bufferedWord(slot);
  }

  @Override
  public boolean isWritable() {
    return phase == OPEN && bufferedBytes() < loop.highWaterMark();
  }

  // ---- Everything else.

  @Override
  public void flush() {
    if (loop.isCurrent()) {
      loop.outgoing().flush();
    }
  }

  @Override
  public Lease lease(int capacity) {
    if (capacity < 1 || capacity > MAX_PAYLOAD_LENGTH) {
      throw new IllegalArgumentException(
          "lease capacity out of range: capacity="
              + capacity
              + ", limits=1.."
              + MAX_PAYLOAD_LENGTH);
    }
    return loop.lease(capacity);
  }

  @Override
  public void pause() {
    loop.run(
        () -> {
          if (phase != ENDED) {
            loop.outgoing().pauseReads(this);
          }
        });
  }

  @Override
  public void resume() {
    loop.run(
        () -> {
          if (phase != ENDED) {
            loop.outgoing().resumeReads(this);
          }
        });
  }

  @Override
  protected void beginClose(int code, String reason) {
    if (PHASE.compareAndSet(this, OPEN, CLOSING)) {
      beginning = new CloseReason(code, reason, CloseReason.Initiator.LOCAL, null);
      postClose(code, reason);
    }
  }

  /**
   * By way of the inbox on the loop's thread too: what other threads have sent before, and were
   * told is accepted, goes out first. It is executed in the same call of the core all the same.
   */
  private void postClose(int code, String reason) {
    loop.post(
        new LoopTask() {
          @Override
          public void run() {
            if (phase != ENDED) {
              loop.outgoing().close(NativeConnection.this, code, reason);
            }
          }
        });
  }

  @Override
  public boolean isOpen() {
    return phase == OPEN;
  }

  @Override
  public boolean execute(Runnable task) {
    Objects.requireNonNull(task, "task");
    return loop.execute(task);
  }

  @Override
  public ScheduledTask schedule(Runnable task, Duration delay) {
    Objects.requireNonNull(task, "task");
    return loop.schedule(task, delay);
  }

  @Override
  public SendResult ping() {
    RoundTrip current = roundTrip;
    if (current == null) {
      synchronized (this) {
        current = roundTrip;
        if (current == null) {
          current = new RoundTrip();
          roundTrip = current;
        }
      }
    }
    long now = System.nanoTime();
    ByteBuffer payload = ByteBuffer.allocate(RoundTrip.PAYLOAD_LENGTH).putLong(0, now);
    current.sent(now);
    return sendBytes(Records.PING, payload, NO_TOKEN);
  }

  @Override
  public Optional<Duration> roundTripTime() {
    RoundTrip current = roundTrip;
    return current == null || current.nanos() == RoundTrip.UNKNOWN
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(current.nanos()));
  }

  // ---- What the loop has heard of this connection. Loop thread only.

  void onOpen() {
    deliverOpen();
  }

  /** After a close, ours or the peer's, messages have no one to answer: they are not delivered. */
  void onMessage(NativeMessage message) {
    if (phase == OPEN) {
      deliverMessage(message);
    }
  }

  void onPong(long payload) {
    RoundTrip current = roundTrip;
    if (current != null) {
      current.received(payload, System.nanoTime());
    }
  }

  void onSent(long token, boolean failed) {
    Completions waiting = completions;
    CompletableFuture<Void> future = waiting == null ? null : waiting.remove(token);
    if (future == null) {
      return;
    }
    if (failed) {
      future.completeExceptionally(new SendException(SendResult.CLOSED));
    } else {
      future.complete(null);
    }
  }

  /**
   * The core tells of every fall to the low mark; users hear of it after the high one or a refusal.
   */
  void onDrained() {
    if (!writableOwed) {
      return;
    }
    writableOwed = false;
    if (phase == OPEN) {
      deliverWritable();
    }
  }

  /**
   * Once everything written is executed: tells the fall, or answers true when it must be looked for
   * again.
   */
  boolean isStillUnwritable() {
    if (!writableOwed || phase != OPEN) {
      return false;
    }
    long word = loop.bufferedWord(slot);
    if (posted + stagedBytes() + word <= loop.lowWaterMark()) {
      onDrained();
      return false;
    }
    // From the high mark on the core tells of the fall. Below it the core may never have seen what
    // Java has counted.
    return word < loop.highWaterMark();
  }

  /** The peer has sent Close or broken a rule; {@code answer} is the code to answer with. */
  void onClosing(int answer, int protocolError, String peerReason) {
    if (protocolError != 0) {
      beginning =
          new CloseReason(
              answer, ProtocolErrors.sentence(protocolError), CloseReason.Initiator.LOCAL, null);
    } else {
      int code = answer == 0 ? CloseCode.NO_STATUS_RECEIVED : answer;
      beginning = new CloseReason(code, peerReason, CloseReason.Initiator.PEER, null);
    }
    if (PHASE.compareAndSet(this, OPEN, CLOSING)) {
      postClose(answer, "");
    }
  }

  void onClosed(int code, int protocolError, int errno, int flags) {
    CloseReason reason = reason(code, protocolError, errno, flags);
    phase = ENDED;
    Completions waiting = completions;
    if (waiting != null) {
      waiting.end();
    }
    deliverClose(reason);
  }

  /** The loop ends, and every connection with it. */
  void onLoopEnd(CloseReason reason) {
    phase = ENDED;
    Completions waiting = completions;
    if (waiting != null) {
      waiting.end();
    }
    // Who closes first tells why, and the server's shutdown has told everybody.
    CloseReason begun = beginning;
    deliverClose(begun == null ? reason : begun);
  }

  private CloseReason reason(int code, int protocolError, int errno, int flags) {
    CloseReason begun = beginning;
    if (protocolError != 0) {
      return new CloseReason(
          code, ProtocolErrors.sentence(protocolError), CloseReason.Initiator.LOCAL, null);
    }
    if ((flags & Records.PEER_BEGAN) != 0) {
      String text =
          begun != null && begun.initiator() == CloseReason.Initiator.PEER ? begun.text() : "";
      return new CloseReason(code, text, CloseReason.Initiator.PEER, null);
    }
    if (begun != null) {
      // The code is what we said; the cause tells that the peer may not have heard it, nor all that
      // was sent before.
      Throwable cause =
          errno == 0 && (flags & Records.TIMED_OUT) != 0
              ? new SocketTimeoutException(broken(errno, flags))
              : Errno.failure(errno);
      return new CloseReason(begun.code(), begun.text(), begun.initiator(), cause);
    }
    return new CloseReason(
        code,
        broken(errno, flags),
        // The core cuts the connection that holds most when no memory is left.
        errno == Errno.ENOMEM ? CloseReason.Initiator.LOCAL : CloseReason.Initiator.NETWORK,
        Errno.failure(errno));
  }

  private static String broken(int errno, int flags) {
    if (errno != 0) {
      return Errno.text(errno);
    }
    return (flags & Records.TIMED_OUT) != 0
        ? "the peer did not answer in time"
        : "the connection ended without a Close frame";
  }
}
