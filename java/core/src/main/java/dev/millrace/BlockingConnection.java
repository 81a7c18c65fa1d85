// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;

/**
 * A client's connection for scripts and virtual threads: its methods wait. See {@link Client#open}.
 * One thread may send while another receives.
 */
public interface BlockingConnection extends AutoCloseable {

  /**
   * The connection underneath, for all that does not wait: its handshake, pings, a close with a
   * code. It must not be paused or resumed.
   *
   * @return the connection
   */
  Connection connection();

  /**
   * Sends a text message, waiting while outgoing bytes are over the high-water mark.
   *
   * @param text the text
   * @return {@link SendResult#ACCEPTED} or {@link SendResult#CLOSED}
   * @throws InterruptedException if interrupted while waiting; then nothing was sent
   * @throws IllegalArgumentException if the text holds a lone surrogate
   */
  SendResult send(CharSequence text) throws InterruptedException;

  /**
   * Sends a binary message, waiting while outgoing bytes are over the high-water mark.
   *
   * @param binary its bytes are taken before this returns
   * @return {@link SendResult#ACCEPTED} or {@link SendResult#CLOSED}
   * @throws InterruptedException if interrupted while waiting; then nothing was sent
   */
  SendResult send(ByteBuffer binary) throws InterruptedException;

  /**
   * Waits for the next message. While nobody receives, reading pauses once 16 messages, or bytes up
   * to the high-water mark, are waiting; then no Close of the peer's is seen either. What came
   * before the end is still received.
   *
   * @return the message, valid until the next call and on the calling thread; it can be {@linkplain
   *     Message#retain() retained} once, and its payload is that lease's then
   * @throws InterruptedException if interrupted while waiting
   * @throws IllegalStateException if the connection has ended, with its reason, or on its loop
   *     thread
   */
  Message receive() throws InterruptedException;

  /**
   * Waits for the next message up to a time.
   *
   * @param timeout how long to wait
   * @return the message, valid until the next call and on the calling thread; empty if none came
   * @throws InterruptedException if interrupted while waiting
   * @throws IllegalStateException if the connection has ended, with its reason
   */
  Optional<Message> receive(Duration timeout) throws InterruptedException;

  /**
   * Closes with {@link CloseCode#NORMAL_CLOSURE} and waits for the closing handshake, which {@link
   * Limits#closeTimeout()} bounds; drops what was not received, and wakes whoever waits. Any
   * thread; interrupted, or on the loop thread, it does not wait.
   */
  @Override
  void close();
}
