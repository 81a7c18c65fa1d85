// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/**
 * What an application does with a connection: one method to write, five to override.
 *
 * <p>All methods are called on the loop thread of the connection, one at a time and in the order in
 * which things happened; they must not block, because every connection of that loop would wait. A
 * route with a {@link HandlerExecutor} calls them on that instead, where they may block, one at a
 * time and in the same order. One handler object may serve many connections, on several threads at
 * once, unless it was given to the server as a supplier.
 *
 * <p>An exception (or error) thrown by a handler closes its connection with 1011, reaches {@link
 * #onError}, is logged once through the {@link System.Logger} named {@code dev.millrace}, and harms
 * no other connection. Nothing more is delivered to that handler but {@link #onClose}.
 */
@FunctionalInterface
public interface Handler {

  /**
   * A whole text or binary message has arrived.
   *
   * @param connection where it came from
   * @param message a view of the received bytes, valid on this thread until this method returns;
   *     {@link Message#retain()} keeps them longer
   * @throws Exception whatever the application throws; see the type's description
   */
  void onMessage(Connection connection, Message message) throws Exception;

  /**
   * The opening handshake is complete; sends are possible. Called once, before everything else.
   *
   * @param connection the new connection
   * @throws Exception whatever the application throws; see the type's description
   */
  default void onOpen(Connection connection) throws Exception {}

  /**
   * Outgoing bytes have fallen to the low-water mark (half of {@link Limits#highWaterMarkBytes()})
   * after they had reached the high-water mark or a send had been {@link SendResult#REFUSED}.
   *
   * @param connection the connection that takes messages again
   * @throws Exception whatever the application throws; see the type's description
   */
  default void onWritable(Connection connection) throws Exception {}

  /**
   * Messages to this peer were given up: by their policies, or because newer ones with the same key
   * replaced them ({@link SendOptions}). One that was never accepted counts too, though its sender
   * was answered {@link SendResult#DROPPED}. Called once for all that was dropped until then: on
   * the loop in the turn after the first, on an executor behind the messages that wait for it, and
   * so for a slow peer to take what was answered. What is left is told before {@link #onClose};
   * unless a method of the handler has thrown, or its executor has rejected a call, all add up to
   * {@link Connection#droppedMessages()}, which tells at any time.
   *
   * @param connection the connection with the slow peer
   * @param messages how many since the call before, at least 1
   * @throws Exception whatever the application throws; see the type's description
   */
  default void onDropped(Connection connection, long messages) throws Exception {}

  /**
   * The connection has ended. Called exactly once for every {@link #onOpen} that was called, even
   * if that threw, and nothing is called after it but {@link #onError} for what this method throws.
   *
   * @param connection the ended connection; its sends answer {@link SendResult#CLOSED}
   * @param reason how it ended, and who began it
   * @throws Exception whatever the application throws; see the type's description
   */
  default void onClose(Connection connection, CloseReason reason) throws Exception {}

  /**
   * A method of this handler has thrown. The connection is already closing with 1011 and the cause
   * is already logged; there is nothing that must be done here. What this method throws is logged.
   *
   * @param connection the connection the handler was called for
   * @param cause what was thrown
   */
  default void onError(Connection connection, Throwable cause) {}
}
