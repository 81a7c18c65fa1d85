// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.ClientLoop;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A connection whose user waits, and its handler. The loop's thread fills a short queue of retained
 * messages and pauses reading when that is full; whoever receives empties it and lets reading go
 * on. A {@link ReentrantLock}, because a virtual thread that waits in {@code synchronized} holds
 * its carrier.
 */
final class BlockingLink implements BlockingConnection, Handler {

  /** So many messages, or so many bytes, may wait for who receives. */
  static final int MAX_QUEUED = 16;

  private static final int RESUME_AT = MAX_QUEUED / 2;

  private final long maxQueuedBytes;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition received = lock.newCondition();
  private final Condition writable = lock.newCondition();
  private final ArrayDeque<Lease> queue = new ArrayDeque<>();
  private @Nullable Connection connection;
  private @Nullable CloseReason reason;
  private @Nullable LeasedMessage current;
  private volatile @Nullable ClientLoop loop;
  private long queuedBytes;
  private long timesWritable;
  private boolean paused;
  private boolean closed;

  BlockingLink(long maxQueuedBytes) {
    this.maxQueuedBytes = maxQueuedBytes;
  }

  /** The loop that must not wait for itself. */
  void runsOn(ClientLoop loop) {
    this.loop = loop;
  }

  private boolean isOnLoop() {
    ClientLoop own = loop;
    return own != null && own.isCurrent();
  }

  void requireMayWait() {
    if (isOnLoop()) {
      throw new IllegalStateException("a loop thread must not wait for its own connections");
    }
  }

  @Override
  public void onOpen(Connection connection) {
    lock.lock();
    try {
      this.connection = connection;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onMessage(Connection connection, Message message) {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      queue.add(message.retain());
      queuedBytes += message.length();
      if (!paused && (queue.size() >= MAX_QUEUED || queuedBytes >= maxQueuedBytes)) {
        paused = true;
        connection.pause();
      }
      received.signal();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onWritable(Connection connection) {
    lock.lock();
    try {
      timesWritable++;
      writable.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onClose(Connection connection, CloseReason reason) {
    lock.lock();
    try {
      this.reason = reason;
      received.signalAll();
      writable.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Connection connection() {
    lock.lock();
    try {
      return Objects.requireNonNull(connection, "connection");
    } finally {
      lock.unlock();
    }
  }

  @Override
  public SendResult send(CharSequence text) throws InterruptedException {
    Connection open = connection();
    while (true) {
      long seen = timesWritable();
      SendResult result = open.send(text, SendOptions.defaults());
      if (result != SendResult.REFUSED) {
        return result;
      }
      awaitWritable(seen);
    }
  }

  @Override
  public SendResult send(ByteBuffer binary) throws InterruptedException {
    Connection open = connection();
    while (true) {
      long seen = timesWritable();
      SendResult result = open.send(binary, SendOptions.defaults());
      if (result != SendResult.REFUSED) {
        return result;
      }
      awaitWritable(seen);
    }
  }

  private long timesWritable() {
    lock.lock();
    try {
      return timesWritable;
    } finally {
      lock.unlock();
    }
  }

  /** Seen before the send: what became writable since then is not waited for. */
  private void awaitWritable(long seen) throws InterruptedException {
    requireMayWait();
    lock.lockInterruptibly();
    try {
      while (timesWritable == seen && reason == null) {
        writable.await();
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Message receive() throws InterruptedException {
    requireMayWait();
    lock.lockInterruptibly();
    try {
      giveUpCurrent();
      while (queue.isEmpty()) {
        requireMore();
        received.await();
      }
      return take();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Optional<Message> receive(Duration timeout) throws InterruptedException {
    requireMayWait();
    long left = saturatedNanos(timeout);
    lock.lockInterruptibly();
    try {
      giveUpCurrent();
      while (queue.isEmpty()) {
        requireMore();
        if (left <= 0) {
          return Optional.empty();
        }
        left = received.awaitNanos(left);
      }
      return Optional.of(take());
    } finally {
      lock.unlock();
    }
  }

  private static long saturatedNanos(Duration timeout) {
    try {
      return timeout.toNanos();
    } catch (ArithmeticException e) {
      return timeout.isNegative() ? 0 : Long.MAX_VALUE;
    }
  }

  private void requireMore() {
    if (closed) {
      throw new IllegalStateException("the connection was closed by this side");
    }
    CloseReason ended = reason;
    if (ended != null) {
      String text = ended.text().isEmpty() ? "" : ", reason=" + ended.text();
      throw new IllegalStateException(
          "the connection has ended: code=" + ended.code() + text, ended.cause());
    }
  }

  private Message take() {
    Lease lease = queue.remove();
    queuedBytes -= lease.length();
    if (paused && queue.size() <= RESUME_AT && queuedBytes < maxQueuedBytes) {
      paused = false;
      Objects.requireNonNull(connection).resume();
    }
    LeasedMessage message = new LeasedMessage(lease, Thread.currentThread());
    current = message;
    return message;
  }

  private void giveUpCurrent() {
    if (current != null) {
      current.giveUp();
      current = null;
    }
  }

  /** Nobody receives any more: what waits is given up, and what comes is not kept. */
  void abandon() {
    lock.lock();
    try {
      closed = true;
      if (current != null && current.isOwn()) {
        giveUpCurrent(); // another thread's may be being read; it goes with its next call
      }
      queue.forEach(Lease::close);
      queue.clear();
      received.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    Connection open = connection();
    abandon();
    open.close();
    open.resume(); // the peer's Close may lie behind what was not read
    if (isOnLoop()) {
      return; // which would wait for itself
    }
    try {
      open.closed().toCompletableFuture().get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // who is interrupted does not wait for the peer
    } catch (ExecutionException e) {
      throw new IllegalStateException("closed() never fails", e);
    }
  }

  @Override
  public String toString() {
    return "BlockingConnection[" + connection() + "]";
  }
}
