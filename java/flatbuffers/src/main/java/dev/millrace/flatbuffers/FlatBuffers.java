// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.Lease;
import dev.millrace.internal.spi.GrowableLease;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Builds a FlatBuffer straight into a lease: what the encoder writes is what the kernel sends.
 *
 * <pre>{@code
 * try (Lease lease = connection.lease(512)) {
 *   FlatBufferBuilder builder = FlatBuffers.builder(lease);
 *   builder.finish(Quote.createQuote(builder, price, quantity));
 *   connection.send(FlatBuffers.finish(builder, lease));
 * }
 * }</pre>
 *
 * <p>A builder writes downwards, from the end of the lease to its start:
 *
 * <pre>
 *  0                       offset                capacity
 *  |  not used, not sent   |  finished FlatBuffer  |
 * </pre>
 *
 * <p>A FlatBuffer that outgrows its lease moves to a block of twice the size, as often as it must;
 * the lease stays the same object, and the block it leaves is given up at once. That costs a copy
 * of what was written so far, so a good first guess is worth something.
 *
 * <p>A builder is some objects of heap. One that is kept, by a handler or a thread, costs nothing
 * more for each message:
 *
 * <pre>{@code
 * private final FlatBufferBuilder builder = FlatBuffers.builder();
 * ...
 * FlatBuffers.begin(builder, lease);
 * }</pre>
 */
public final class FlatBuffers {

  private FlatBuffers() {}

  /**
   * A builder that writes into a lease. It is used by one thread, the lease's owner, and not beyond
   * the lease. {@link FlatBufferBuilder#clear()} begins again in the same lease.
   *
   * @param lease an open, writable lease; nothing else should write into it meanwhile, and its
   *     {@link Lease#buffer()} is the builder's until {@link #finish}. The encoder wants up to 8
   *     bytes more than the finished FlatBuffer has. Until it is finished the lease would send
   *     nothing
   * @return the builder. If no memory is left for the lease to grow, its methods throw {@link
   *     IllegalStateException} with the sizes; as after any exception the lease is still to be
   *     closed
   * @throws IllegalArgumentException if the lease is that of a received message, which is read-only
   * @throws IllegalStateException if the lease was sent or closed
   */
  public static FlatBufferBuilder builder(Lease lease) {
    return begin(builder(), lease);
  }

  /**
   * A builder to be kept and used again and again, by one thread at a time. It writes nowhere until
   * {@link #begin} gives it a lease; before that its methods throw {@link IllegalStateException}.
   *
   * @return the builder
   */
  public static FlatBufferBuilder builder() {
    return new LeaseBuilder(new LeaseMemory());
  }

  /**
   * Lets a builder begin anew in a lease, whatever it was doing before: after a message was
   * finished, or after an exception in the middle of one. Allocates nothing.
   *
   * @param builder what {@link #builder()} or {@link #builder(Lease)} gave
   * @param lease as for {@link #builder(Lease)}
   * @return the builder
   * @throws IllegalArgumentException if the lease is that of a received message, which is
   *     read-only, or the builder is another
   * @throws IllegalStateException if the lease was sent or closed
   */
  public static FlatBufferBuilder begin(FlatBufferBuilder builder, Lease lease) {
    if (!(builder instanceof LeaseBuilder own)) {
      throw new IllegalArgumentException("builder does not write into leases");
    }
    ByteBuffer memory = lease.buffer();
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException(
          "lease is read-only: it holds a received message; use connection.lease(capacity)");
    }
    // What is sent too early must not be what the memory held before.
    lease.range(0, 0);
    own.memory.begin(lease, memory);
    return own.init(memory, own.memory);
  }

  /**
   * Narrows a lease to the FlatBuffer that was finished in it.
   *
   * @param builder what writes into this lease, finished
   * @param lease the lease
   * @return the lease, ready to be sent
   * @throws IllegalArgumentException if the builder writes elsewhere
   * @throws IllegalStateException if the builder is not finished, or the lease was sent or closed
   */
  public static Lease finish(FlatBufferBuilder builder, Lease lease) {
    if (!(builder instanceof LeaseBuilder own) || own.memory.lease != lease) {
      throw new IllegalArgumentException("builder does not write into this lease");
    }
    ByteBuffer finished = own.finishedBytes();
    return lease.range(finished.position(), finished.remaining());
  }

  /** A builder that knows its lease, so that a FlatBuffer cannot be sent from another one. */
  private static final class LeaseBuilder extends FlatBufferBuilder {

    private final LeaseMemory memory;

    LeaseBuilder(LeaseMemory memory) {
      super(LeaseMemory.NONE, memory);
      this.memory = memory;
    }

    @Override
    public void clear() {
      memory.requireOpen();
      super.clear();
    }

    ByteBuffer finishedBytes() {
      try {
        return dataBuffer();
      } catch (AssertionError e) {
        throw new IllegalStateException("builder is not finished: call finish(root) first", e);
      }
    }
  }

  /** Asked for memory only when the builder has used all it was given. */
  private static final class LeaseMemory extends FlatBufferBuilder.ByteBufferFactory {

    static final ByteBuffer NONE = ByteBuffer.allocateDirect(0);

    private @Nullable Lease lease;
    private ByteBuffer current = NONE;

    void begin(Lease lease, ByteBuffer memory) {
      this.lease = lease;
      current = memory;
    }

    void requireOpen() {
      Lease open = lease;
      if (open != null) {
        open.buffer();
      }
    }

    @Override
    public ByteBuffer newByteBuffer(int wanted) {
      Lease growing = lease;
      if (growing == null) {
        throw new IllegalStateException("builder has no lease: call FlatBuffers.begin first");
      }
      if (!(growing instanceof GrowableLease growable)) {
        throw new IllegalStateException(
            "FlatBuffer does not fit its lease: next size="
                + wanted
                + ", capacity="
                + current.capacity());
      }
      ByteBuffer larger = growable.grow(wanted);
      growing.range(0, 0);
      // The bytes have moved already, and those behind the old buffer may be another's by now: the
      // builder copies what the old buffer has left, which must be nothing.
      current.limit(0);
      current = larger;
      return larger.order(ByteOrder.LITTLE_ENDIAN);
    }
  }
}
