// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.Lease;
import java.nio.ByteBuffer;

/**
 * Builds a FlatBuffer straight into a lease: what the encoder writes is what the kernel sends.
 *
 * <pre>{@code
 * Lease lease = connection.lease(512);
 * FlatBufferBuilder builder = FlatBuffers.builder(lease);
 * builder.finish(Quote.createQuote(builder, price, quantity));
 * connection.send(FlatBuffers.finish(builder, lease));
 * }</pre>
 *
 * <p>A builder writes downwards, from the end of the lease to its start:
 *
 * <pre>
 *  0                       offset                capacity
 *  |  not used, not sent   |  finished FlatBuffer  |
 * </pre>
 */
public final class FlatBuffers {

  private FlatBuffers() {}

  /**
   * A builder that writes into a lease. It is used by one thread, the lease's owner, and not beyond
   * the lease. {@link FlatBufferBuilder#clear()} begins again in the same lease.
   *
   * @param lease an open, writable lease; nothing else should write into it meanwhile. The encoder
   *     wants up to 8 bytes more than the finished FlatBuffer has
   * @return the builder; if a FlatBuffer does not fit, its methods throw {@link
   *     IllegalStateException} with what would be needed and what there is, and the lease is still
   *     to be closed
   * @throws IllegalArgumentException if the lease is that of a received message, which is read-only
   * @throws IllegalStateException if the lease was sent or closed
   * @implNote A lease that grows is not in 0.1.0.
   */
  public static FlatBufferBuilder builder(Lease lease) {
    ByteBuffer memory = lease.buffer();
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException(
          "lease is read-only: it holds a received message; use connection.lease(capacity)");
    }
    return new LeaseBuilder(lease, memory.duplicate());
  }

  /**
   * Narrows a lease to the FlatBuffer that was finished in it.
   *
   * @param builder what {@link #builder} gave for this lease, finished
   * @param lease the lease
   * @return the lease, ready to be sent
   * @throws IllegalArgumentException if the builder writes elsewhere
   * @throws IllegalStateException if the builder is not finished, or the lease was sent or closed
   */
  public static Lease finish(FlatBufferBuilder builder, Lease lease) {
    if (!(builder instanceof LeaseBuilder own) || own.lease != lease) {
      throw new IllegalArgumentException("builder does not write into this lease");
    }
    ByteBuffer finished = own.finishedBytes();
    return lease.range(finished.position(), finished.remaining());
  }

  /** A builder that knows its lease, so that a FlatBuffer cannot be sent from another one. */
  private static final class LeaseBuilder extends FlatBufferBuilder {

    private final Lease lease;

    LeaseBuilder(Lease lease, ByteBuffer memory) {
      super(memory, new FixedMemory(memory.capacity()));
      this.lease = lease;
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
  private static final class FixedMemory extends FlatBufferBuilder.ByteBufferFactory {

    private final int capacity;

    FixedMemory(int capacity) {
      this.capacity = capacity;
    }

    @Override
    public ByteBuffer newByteBuffer(int wanted) {
      throw new IllegalStateException(
          "FlatBuffer does not fit its lease: next size=" + wanted + ", capacity=" + capacity);
    }
  }
}
