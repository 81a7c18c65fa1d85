// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import java.net.SocketAddress;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * A socket of a client on its way to a connection. Loop thread only.
 *
 * <pre>
 *   CONNECTING -> CONNECTED -ask-> ASKED -response-> ANSWERED -open-> the connection's own life
 *                                    ^______ask_________|
 * </pre>
 *
 * <p>From any of these it ends by {@link #cancel} or by {@link AttemptListener#onFailed}; then
 * every call is without effect.
 */
public interface Attempt {

  /**
   * Sends a request and awaits its response head, which has {@link
   * dev.millrace.Limits#handshakeTimeout()} from now. In CONNECTED and ANSWERED.
   *
   * @param request a complete HTTP/1.1 request; taken before this returns, of at most 64 KiB
   */
  void ask(byte[] request);

  /**
   * Makes it a connection; {@code onOpen} is called before this returns, or on the executor, and
   * bytes that came behind the response head are parsed later. In ANSWERED. Where the socket has
   * ended meanwhile the connection ends next, with {@code onOpen} and {@code onClose} as ever.
   *
   * @param handler what serves it
   * @param handshake what is kept
   * @param executor where the handler runs; null for the loop thread
   * @param deflate what was agreed on; null for no compression
   * @return the connection, whose {@link Connection#closed()} tells of its end
   */
  Connection open(
      Handler handler,
      Handshake handshake,
      @Nullable Executor executor,
      @Nullable DeflateParameters deflate);

  /** Closes the socket with no more word to the listener. */
  void cancel();

  /**
   * The server's address, as the socket has it.
   *
   * @return the address that was connected to
   */
  SocketAddress remote();
}
