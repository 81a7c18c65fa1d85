// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Batching;
import dev.millrace.CloseReason;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.ScheduledTask;
import dev.millrace.SendResult;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** A connection without an engine: it records how it was asked to close. */
public final class FakeConnection extends AbstractConnection {

  public final List<String> closes = new ArrayList<>();
  public long engineBytes;
  public boolean hasEnded;
  private final Tally tally = new Tally();

  public FakeConnection(Handler handler) {
    this(handler, new FakeHandshake("/fake"));
  }

  public FakeConnection(Handler handler, Handshake handshake) {
    super(handler, handshake);
  }

  public void open() {
    deliverOpen();
  }

  public void message() {
    deliverMessage(new FakeMessage());
  }

  public void writable() {
    deliverWritable();
  }

  public void end(CloseReason reason) {
    deliverClose(reason);
  }

  @Override
  protected Tally tally() {
    return tally;
  }

  @Override
  protected void beginClose(int code, String reason) {
    closes.add(code + " " + reason);
  }

  @Override
  public long id() {
    return 42;
  }

  @Override
  protected SendResult sendNow(Message message, boolean compress) {
    return SendResult.CLOSED;
  }

  @Override
  protected SendResult sendNow(Lease lease, boolean compress) {
    return SendResult.CLOSED;
  }

  @Override
  protected SendResult sendNow(ByteBuffer binary, boolean compress) {
    return SendResult.CLOSED;
  }

  @Override
  protected SendResult sendNow(CharSequence text, boolean compress) {
    return SendResult.CLOSED;
  }

  @Override
  protected CompletionStage<Void> sendAsyncNow(Lease lease) {
    return CompletableFuture.completedStage(null);
  }

  @Override
  protected CompletionStage<Void> sendAsyncNow(ByteBuffer binary) {
    return CompletableFuture.completedStage(null);
  }

  @Override
  protected CompletionStage<Void> sendAsyncNow(CharSequence text) {
    return CompletableFuture.completedStage(null);
  }

  @Override
  protected SendResult sendAllNow(List<? extends Lease> leases) {
    return SendResult.CLOSED;
  }

  @Override
  public void flush() {}

  @Override
  public Lease lease(int capacity) {
    throw new IllegalStateException("no memory in a fake");
  }

  @Override
  protected @Nullable Kept keep(Message message, boolean compress) {
    return null;
  }

  @Override
  protected @Nullable Kept keep(Lease lease, boolean compress) {
    return null;
  }

  @Override
  protected @Nullable Kept keep(ByteBuffer binary, boolean compress) {
    return null;
  }

  @Override
  protected @Nullable Kept keep(CharSequence text, boolean compress) {
    return null;
  }

  @Override
  protected List<Kept> keepAll(List<? extends Lease> leases) {
    return List.of();
  }

  @Override
  public SendResult handOver(Kept kept, @Nullable CompletableFuture<Void> sent, boolean always) {
    return SendResult.CLOSED;
  }

  @Override
  protected @Nullable ConnectionQueue queue() {
    return null;
  }

  @Override
  protected void pauseReads(int by) {}

  @Override
  protected void resumeReads(int by) {}

  @Override
  protected void runOnLoop(Runnable task) {}

  @Override
  protected void answerClose(int code) {}

  @Override
  protected boolean hasEnded() {
    return hasEnded;
  }

  @Override
  public Limits limits() {
    return Limits.defaults();
  }

  @Override
  public KeptMemory keptMemory() {
    return new KeptMemory(limits().regionBytes());
  }

  @Override
  public boolean stopsReads() {
    return true;
  }

  @Override
  public boolean isOnLoop() {
    return true;
  }

  @Override
  public void postToLoop(Runnable task) {}

  @Override
  public boolean hasPosted() {
    return false;
  }

  @Override
  public void releaseBatch() {}

  @Override
  public void oweWritable(boolean outOfMemory) {}

  @Override
  public long engineBytes() {
    return engineBytes;
  }

  @Override
  public boolean isWritable() {
    return false;
  }

  @Override
  public boolean isOpen() {
    return closes.isEmpty();
  }

  @Override
  public void request(long messages) {}

  @Override
  public void requestBytes(long bytes) {}

  @Override
  public void batch(Batching batching) {}

  @Override
  public long pinnedBytes() {
    return 0;
  }

  @Override
  public boolean execute(Runnable task) {
    return false;
  }

  @Override
  public ScheduledTask schedule(Runnable task, Duration delay) {
    return () -> false;
  }

  @Override
  public SendResult ping() {
    return SendResult.CLOSED;
  }

  @Override
  public Optional<Duration> roundTripTime() {
    return Optional.empty();
  }

  private static final class FakeMessage implements Message {

    @Override
    public Kind kind() {
      return Kind.BINARY;
    }

    @Override
    public int length() {
      return 0;
    }

    @Override
    public ByteBuffer payload() {
      return ByteBuffer.allocate(0).asReadOnlyBuffer();
    }

    @Override
    public String text() {
      return "";
    }

    @Override
    public byte[] toByteArray() {
      return new byte[0];
    }

    @Override
    public Lease retain() {
      throw new IllegalStateException("no memory in a fake");
    }
  }
}
