// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import com.google.flatbuffers.Table;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.ref.WeakReference;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * One object of the root table's class that is moved from message to message. One thread.
 *
 * <p>What generated code calls {@code __init} is {@code Table.__reset}, which is protected; it is
 * reached by reflection, as flatbuffers-java is no module that could forbid it. Where that fails,
 * or a function other than the generated one gives the root, there is none to reuse and every
 * message gets an object of its own.
 */
final class ReusedTable<T> {
  private static final @Nullable MethodHandle RESET = reset();

  /**
   * An empty table:
   *
   * <pre>
   *   0 i32 8, the root   4 u16 4, the vtable's length   6 u16 4, the table's length   8 i32 4, to the vtable
   * </pre>
   */
  private static final ByteBuffer EMPTY_TABLE =
      ByteBuffer.allocateDirect(3 * Integer.BYTES)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(8)
          .putInt(4 | 4 << Short.SIZE)
          .putInt(4)
          .flip();

  /** A table at 0 whose vtable has all fields and lies beyond the end: whatever is read throws. */
  private static final ByteBuffer NOWHERE =
      ByteBuffer.allocateDirect(Integer.BYTES + Short.BYTES)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(0, -Integer.BYTES)
          .putShort(Integer.BYTES, Short.MAX_VALUE)
          .asReadOnlyBuffer()
          .order(ByteOrder.LITTLE_ENDIAN);

  /**
   * As many regions as a thread sees by turns: its loop's and the shared one, of executors more.
   */
  private static final int VIEWS = 4;

  private final @Nullable T table;
  private boolean isAttached;

  private final @Nullable View[] views = new @Nullable View[VIEWS];
  private int nextView;

  /** Held by nobody but who reads: threads live longer than the servers whose memory they saw. */
  private record View(WeakReference<ByteBuffer> memory, WeakReference<ByteBuffer> view) {}

  /**
   * For one thread.
   *
   * @param isPlain what {@link #isPlain} says of the schema
   */
  ReusedTable(Schema<T> schema, boolean isPlain) {
    table = isPlain ? schema.rootOf(emptyTable()) : null;
    if (table != null) {
      detach();
    }
  }

  private static @Nullable MethodHandle reset() {
    try {
      Method method = Table.class.getDeclaredMethod("__reset", int.class, ByteBuffer.class);
      method.setAccessible(true);
      return MethodHandles.lookup().unreflect(method);
    } catch (ReflectiveOperationException | RuntimeException e) {
      return null;
    }
  }

  /** Whether the root function does nothing but make a new object, so that it can be moved. */
  static <T> boolean isPlain(Schema<T> schema) {
    if (RESET == null) {
      return false;
    }
    try {
      ByteBuffer empty = emptyTable();
      T first = schema.rootOf(empty);
      T second = schema.rootOf(emptyTable());
      return first != second && first instanceof Table table && table.getByteBuffer() == empty;
    } catch (RuntimeException e) {
      return false;
    }
  }

  private static ByteBuffer emptyTable() {
    return EMPTY_TABLE.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A view of that memory for this thread alone, the same at every call as far as can be. */
  ByteBuffer viewOf(ByteBuffer memory) {
    int place = 0;
    while (place < VIEWS && !isOf(memory, views[place])) {
      place++;
    }
    ByteBuffer known = place < VIEWS ? views[place].view().get() : null;
    if (known != null) {
      return known;
    }
    ByteBuffer view = memory.duplicate().limit(0);
    views[place < VIEWS ? place : nextView++ & VIEWS - 1] =
        new View(new WeakReference<>(memory), new WeakReference<>(view));
    return view;
  }

  private static boolean isOf(ByteBuffer memory, @Nullable View view) {
    return view != null && view.memory().refersTo(memory);
  }

  /**
   * The root table of a verified message, or null if this object is in use, by a handler that was
   * called within a handler, or there is none.
   */
  @Nullable T attach(ByteBuffer memory, int start) {
    if (table == null || isAttached) {
      return null;
    }
    isAttached = true;
    reset(table, start + memory.getInt(start), memory);
    return table;
  }

  /**
   * Whether a message is being read: a handler that is called within itself needs a table of its
   * own.
   */
  boolean isAttached() {
    return isAttached;
  }

  /** Lets the table read nothing. */
  void detach() {
    reset(table, 0, NOWHERE);
    isAttached = false;
  }

  private static void reset(@Nullable Object table, int position, ByteBuffer memory) {
    try {
      RESET.invokeExact((Table) table, position, memory);
    } catch (Throwable t) {
      throw new IllegalStateException("a generated table could not be moved", t);
    }
  }
}
