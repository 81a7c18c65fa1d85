// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import java.util.Objects;

/**
 * Handles messages that were verified against a schema: one method to write, six to override. All
 * are called as those of {@link Handler} are, on the loop thread or by a {@link
 * dev.millrace.HandlerExecutor}, one at a time for a connection.
 *
 * @param <T> the generated class of the root table
 */
@FunctionalInterface
public interface TypedHandler<T> {

  /**
   * A verified message has arrived.
   *
   * <p>On the loop the table is the same object for every message, moved from message to message:
   * reading one allocates nothing. When this method has returned the table reads nothing any more,
   * its methods throw {@link IndexOutOfBoundsException}. Tables, vectors and buffers that it has
   * given must not be kept either: they would read whatever the memory is used for by then.
   *
   * @param connection where it came from
   * @param table reads the message where it lies; valid on this thread until this method returns.
   *     What is to be kept is copied, as strings and numbers are
   * @throws Exception whatever the application throws; the connection is closed with 1011
   */
  void onMessage(Connection connection, T table) throws Exception;

  /**
   * A message breaks the schema. Nobody has read it, and nobody will. Unless this method is
   * overridden the connection is closed with 1007 and the fault as the reason, without the middle
   * of a path that is too long for the 123 bytes that a reason may have.
   *
   * @param connection where it came from
   * @param fault what is wrong with it first
   * @throws Exception whatever the application throws; the connection is closed with 1011
   */
  default void onInvalid(Connection connection, Fault fault) throws Exception {
    connection.close(CloseCode.INVALID_FRAME_PAYLOAD_DATA, TypedRoute.reason(fault));
  }

  /**
   * As {@link Handler#onOpen}.
   *
   * @param connection the new connection
   * @throws Exception whatever the application throws
   */
  default void onOpen(Connection connection) throws Exception {}

  /**
   * As {@link Handler#onWritable}.
   *
   * @param connection the connection that takes messages again
   * @throws Exception whatever the application throws
   */
  default void onWritable(Connection connection) throws Exception {}

  /**
   * As {@link Handler#onDropped}.
   *
   * @param connection the connection with the slow peer
   * @param messages how many since the call before, at least 1
   * @throws Exception whatever the application throws
   */
  default void onDropped(Connection connection, long messages) throws Exception {}

  /**
   * As {@link Handler#onClose}.
   *
   * @param connection the ended connection
   * @param reason how it ended, and who began it
   * @throws Exception whatever the application throws
   */
  default void onClose(Connection connection, CloseReason reason) throws Exception {}

  /**
   * As {@link Handler#onError}.
   *
   * @param connection the connection the handler was called for
   * @param cause what was thrown
   */
  default void onError(Connection connection, Throwable cause) {}

  /**
   * Puts verification before a typed handler. A message that breaks the schema goes to {@link
   * #onInvalid}, a text message closes its connection with 1003.
   *
   * @param schema what messages must keep to
   * @param handler what takes them
   * @param <T> the generated class of the root table
   * @return a handler for {@link dev.millrace.Server.Builder#route(String, Handler)} or for a
   *     client; like any handler it may serve many connections on several threads
   */
  static <T> Handler of(Schema<T> schema, TypedHandler<T> handler) {
    return TypedRoute.of(
        Objects.requireNonNull(schema, "schema"), Objects.requireNonNull(handler, "handler"));
  }
}
