// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.Message;
import dev.millrace.internal.spi.MessageVerifier;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A FlatBuffers schema to verify messages against, with the generated class that reads them.
 *
 * <p>A buffer that was verified can be read to its last field without leaving it: offsets, vtables,
 * vectors, strings, unions and structs lie within the buffer and are aligned, required fields are
 * present, the file identifier is the schema's. What values mean is not judged: a number may be
 * outside its enum, a string need not be UTF-8 unless {@link #withUtf8Check} asks for it.
 *
 * <p>Not for buffers with a length before them ({@code finishSizePrefixed}): messages have theirs.
 *
 * <p>Immutable; any thread. Verifying allocates nothing when a buffer is good, and needs no server.
 *
 * @param <T> the generated class of the root table
 */
public final class Schema<T> {

  /** The default of {@link #maxDepth()}: 64, as in FlatBuffers' own verifier. */
  public static final int DEFAULT_MAX_DEPTH = 64;

  /** The default of {@link #maxTables()}: a million, as in FlatBuffers' own verifier. */
  public static final int DEFAULT_MAX_TABLES = 1_000_000;

  private static final int MAX_DEPTH = 512;
  private static final ThreadLocal<Walk> WALK = ThreadLocal.withInitial(Walk::new);
  private static final Cleaner CLEANER = Cleaner.create();

  private final byte[] bfbs;
  private final SchemaShape shape;
  private final Function<ByteBuffer, T> root;
  private volatile @Nullable Known known;

  /** An engine's verifier, and what it calls this schema. */
  private record Known(MessageVerifier verifier, int handle) {}

  private Schema(byte[] bfbs, SchemaShape shape, Function<ByteBuffer, T> root) {
    this.bfbs = bfbs;
    this.shape = shape;
    this.root = root;
  }

  /**
   * Loads a binary schema. It is input like any other and verified too.
   *
   * @param bfbs what {@code flatc -b --schema} wrote, at most 16 MiB; with {@code --bfbs-builtins}
   *     nested buffers are verified, which the schema does not tell otherwise
   * @param root reads the root table, such as {@code Order::getRootAsOrder}
   * @param <T> the generated class of the root table
   * @return the schema, with the default limits
   * @throws IllegalArgumentException if the bytes are no binary schema, if it has no root type, or
   *     if it uses what cannot be verified: FlexBuffers, 64-bit offsets
   */
  public static <T> Schema<T> load(byte[] bfbs, Function<ByteBuffer, T> root) {
    Objects.requireNonNull(root, "root");
    byte[] copy = bfbs.clone();
    return new Schema<>(copy, SchemaLoader.load(copy), root);
  }

  /**
   * The same schema with another limit of tables in tables.
   *
   * @param maxDepth 1 to 512; the root table has depth 1
   * @return a new schema
   * @throws IllegalArgumentException if the limit is out of range
   */
  public Schema<T> withMaxDepth(int maxDepth) {
    if (maxDepth < 1 || maxDepth > MAX_DEPTH) {
      throw new IllegalArgumentException(
          "maxDepth out of range: maxDepth=" + maxDepth + ", limits=1.." + MAX_DEPTH);
    }
    return with(maxDepth, shape.maxTables(), shape.checksUtf8());
  }

  /**
   * The same schema with another limit of tables in a message.
   *
   * @param maxTables at least 1
   * @return a new schema
   * @throws IllegalArgumentException if the limit is out of range
   */
  public Schema<T> withMaxTables(int maxTables) {
    if (maxTables < 1) {
      throw new IllegalArgumentException(
          "maxTables out of range: maxTables=" + maxTables + ", limits=1.." + Integer.MAX_VALUE);
    }
    return with(shape.maxDepth(), maxTables, shape.checksUtf8());
  }

  /**
   * The same schema, with strings checked or not. FlatBuffers' own verifier does not check them.
   *
   * @param isOn whether strings must be well-formed UTF-8
   * @return a new schema
   */
  public Schema<T> withUtf8Check(boolean isOn) {
    return with(shape.maxDepth(), shape.maxTables(), isOn);
  }

  private Schema<T> with(int maxDepth, int maxTables, boolean checksUtf8) {
    SchemaShape changed =
        new SchemaShape(
            shape.root(),
            shape.hasIdentifier(),
            shape.identifier(),
            maxDepth,
            maxTables,
            checksUtf8);
    return new Schema<>(bfbs, changed, root);
  }

  /**
   * How deep tables may lie in tables.
   *
   * @return the limit
   */
  public int maxDepth() {
    return shape.maxDepth();
  }

  /**
   * How many tables a message may have.
   *
   * @return the limit
   */
  public int maxTables() {
    return shape.maxTables();
  }

  /**
   * Whether strings must be well-formed UTF-8.
   *
   * @return false by default
   */
  public boolean checksUtf8() {
    return shape.checksUtf8();
  }

  /**
   * Checks that a buffer can be read as this schema's root table without leaving the buffer. Needs
   * no server.
   *
   * @param buffer the bytes between position and limit; not changed. Nobody may write them
   *     meanwhile, or afterwards as long as they are read
   * @throws IllegalArgumentException if the buffer breaks the schema, with the path of the first
   *     fault, as in "Order.legs[3].symbol: string past end"
   */
  public void verify(ByteBuffer buffer) {
    Fault fault = firstFault(buffer, buffer.position(), buffer.remaining());
    if (fault != null) {
      throw new IllegalArgumentException(fault.toString());
    }
  }

  /**
   * As {@link #verify}, for who expects bad buffers.
   *
   * @param buffer the bytes between position and limit; not changed
   * @return the first fault, empty if the buffer is good
   */
  public Optional<Fault> check(ByteBuffer buffer) {
    return Optional.ofNullable(firstFault(buffer, buffer.position(), buffer.remaining()));
  }

  /**
   * Verifies a buffer and reads it.
   *
   * @param buffer the bytes between position and limit; not changed, and read by the result
   * @return the root table
   * @throws IllegalArgumentException as {@link #verify} does
   */
  public T read(ByteBuffer buffer) {
    verify(buffer);
    return rootOf(buffer.slice());
  }

  /** The root table of a buffer of exactly a verified message. */
  T rootOf(ByteBuffer message) {
    return root.apply(message.order(ByteOrder.LITTLE_ENDIAN));
  }

  /** By the walk in Java. */
  @Nullable Fault firstFault(ByteBuffer buffer, int start, int length) {
    return WALK.get().firstFault(shape, buffer, start, length);
  }

  /** Whether an engine's verifier has room for this schema; if not, the walk in Java judges. */
  boolean isKnownTo(MessageVerifier verifier) {
    return knownTo(verifier).handle != MessageVerifier.FULL;
  }

  private Known knownTo(MessageVerifier verifier) {
    Known own = known;
    return own == null || own.verifier != verifier ? introduceTo(verifier) : own;
  }

  /** By the walk of an engine, which knows this schema. */
  boolean accepts(MessageVerifier verifier, Message message) {
    try {
      return verifier.accepts(knownTo(verifier).handle, message);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  private synchronized Known introduceTo(MessageVerifier verifier) {
    Known own = known;
    if (own == null || own.verifier != verifier) {
      int handle = verifier.load(bfbs, shape.maxDepth(), shape.maxTables(), shape.checksUtf8());
      own = new Known(verifier, handle);
      if (handle != MessageVerifier.FULL) {
        CLEANER.register(this, () -> verifier.forget(handle));
      }
      known = own;
    }
    return own;
  }
}
