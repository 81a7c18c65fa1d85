// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Message;
import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.MessageMemory;
import dev.millrace.internal.spi.MessageVerifier;
import dev.millrace.internal.spi.OnDropped;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Verifies messages and hands them to a typed handler. Where the engine shows its memory, messages
 * are judged and read there; else, and in the checked mode, in a slice of exactly the message.
 */
class TypedRoute<T> implements Handler {
  /** What a Close frame has room for behind its code (RFC 6455 5.5). */
  private static final int MAX_REASON_BYTES = 123;

  private static final String ELLIPSIS = "...";

  private final Schema<T> schema;
  private final TypedHandler<T> handler;
  private final ThreadLocal<ReusedTable<T>> tables;

  /** One for whose sake a loop is woken where messages are dropped. */
  private static final class HearingOfDropped<T> extends TypedRoute<T> {
    HearingOfDropped(Schema<T> schema, TypedHandler<T> handler) {
      super(schema, handler);
    }

    @Override
    public void onDropped(Connection connection, long messages) throws Exception {
      super.handler.onDropped(connection, messages);
    }
  }

  static <T> TypedRoute<T> of(Schema<T> schema, TypedHandler<T> handler) {
    return OnDropped.isOverridden(handler.getClass(), TypedHandler.class)
        ? new HearingOfDropped<>(schema, handler)
        : new TypedRoute<>(schema, handler);
  }

  private TypedRoute(Schema<T> schema, TypedHandler<T> handler) {
    this.schema = schema;
    this.handler = handler;
    // Once for all threads: a virtual thread handles a few messages.
    boolean isPlain = ReusedTable.isPlain(schema);
    tables = ThreadLocal.withInitial(() -> new ReusedTable<>(schema, isPlain));
  }

  /** A fault as the reason of a Close frame, without the middle of a path that has no room. */
  static String reason(Fault fault) {
    String text = fault.toString();
    if (text.getBytes(StandardCharsets.UTF_8).length <= MAX_REASON_BYTES) {
      return text;
    }
    String path = fault.path();
    String what = text.substring(path.length());
    int room = MAX_REASON_BYTES - ELLIPSIS.length() - what.length();
    int head = end(path, room / 2);
    int tail = start(path, room - room / 2);
    return path.substring(0, head) + ELLIPSIS + path.substring(tail) + what;
  }

  /** Where the first characters end that need no more bytes of UTF-8. */
  private static int end(String text, int bytes) {
    int end = 0;
    for (int left = bytes - length(text.codePointAt(0)); left >= 0; ) {
      end = text.offsetByCodePoints(end, 1);
      left -= length(text.codePointAt(end));
    }
    return end;
  }

  /** Where the last ones begin. */
  private static int start(String text, int bytes) {
    int start = text.length();
    for (int left = bytes - length(text.codePointBefore(start)); left >= 0; ) {
      start = text.offsetByCodePoints(start, -1);
      left -= length(text.codePointBefore(start));
    }
    return start;
  }

  private static int length(int codePoint) {
    return Character.toString(codePoint).getBytes(StandardCharsets.UTF_8).length;
  }

  @Override
  public void onMessage(Connection connection, Message message) throws Exception {
    if (message.kind() != Message.Kind.BINARY) {
      connection.close(CloseCode.UNSUPPORTED_DATA, "binary messages only");
      return;
    }
    ReusedTable<T> reused = tables.get();
    if (message instanceof MessageMemory own && !CheckedMode.isOn() && !reused.isAttached()) {
      readInPlace(connection, message, own, reused);
    } else {
      ByteBuffer payload = message.payload().order(ByteOrder.LITTLE_ENDIAN);
      take(connection, message, reused, null, payload, 0);
    }
  }

  private void readInPlace(
      Connection connection, Message message, MessageMemory own, ReusedTable<T> reused)
      throws Exception {
    MessageVerifier verifier = own.verifier();
    // One of the blocks that the Java engine has is read by one thread; the native engine shows
    // its regions to all of them by one object each.
    ByteBuffer memory = verifier == null ? own.memory() : reused.viewOf(own.memory());
    int start = own.memoryOffset();
    int before = memory.limit();
    // A handler may have moved its limits: getByteBuffer() of a table is this very object. Behind
    // the message lies what others sent: an index past the end of a vector must not read it.
    memory.clear().order(ByteOrder.LITTLE_ENDIAN).limit(start + message.length());
    try {
      take(connection, message, reused, verifier, memory, start);
    } finally {
      memory.clear().limit(before);
    }
  }

  private void take(
      Connection connection,
      Message message,
      ReusedTable<T> reused,
      @Nullable MessageVerifier verifier,
      ByteBuffer memory,
      int start)
      throws Exception {
    Fault fault = judge(verifier, message, memory, start);
    if (fault == null) {
      deliver(connection, message, reused, memory, start);
    } else {
      handler.onInvalid(connection, fault);
    }
  }

  private @Nullable Fault judge(
      @Nullable MessageVerifier verifier, Message message, ByteBuffer memory, int start) {
    MessageVerifier knowing = verifier != null && schema.isKnownTo(verifier) ? verifier : null;
    if (knowing != null && schema.accepts(knowing, message)) {
      return null;
    }
    Fault fault = schema.firstFault(memory, start, message.length());
    if (knowing != null && fault == null) {
      throw new IllegalStateException("the two verifiers disagree: length=" + message.length());
    }
    return fault;
  }

  private void deliver(
      Connection connection, Message message, ReusedTable<T> reused, ByteBuffer memory, int start)
      throws Exception {
    T table = reused.attach(memory, start);
    if (table == null) {
      handler.onMessage(connection, schema.rootOf(message.payload()));
      return;
    }
    try {
      handler.onMessage(connection, table);
    } finally {
      reused.detach();
    }
  }

  @Override
  public void onOpen(Connection connection) throws Exception {
    handler.onOpen(connection);
  }

  @Override
  public void onWritable(Connection connection) throws Exception {
    handler.onWritable(connection);
  }

  @Override
  public void onClose(Connection connection, CloseReason reason) throws Exception {
    handler.onClose(connection, reason);
  }

  @Override
  public void onError(Connection connection, Throwable cause) {
    handler.onError(connection, cause);
  }
}
