// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What an {@link AttemptListener} is told, in words that are the same in every engine. */
public final class AttemptFailures {
  private AttemptFailures() {}

  /**
   * The socket could not be made, or not be connected.
   *
   * @param remote where to
   * @param errno why, in Linux's numbers
   * @param cause what the system said; null where there is no exception
   */
  public static ConnectException notConnected(
      SocketAddress remote, int errno, @Nullable IOException cause) {
    String remedy =
        errno == Errno.EMFILE || errno == Errno.ENFILE
            ? "; raise the limit of open files (ulimit -n)"
            : "";
    return notConnected(remote, Errno.text(errno) + ": errno=" + errno + remedy, cause);
  }

  /** The socket could not be made for another reason than the system's. */
  public static ConnectException notConnected(SocketAddress remote, String why) {
    return notConnected(remote, why, null);
  }

  private static ConnectException notConnected(
      SocketAddress remote, String why, @Nullable IOException cause) {
    ConnectException failure =
        new ConnectException("cannot connect: address=" + remote + ": " + why);
    if (cause != null) {
      failure.initCause(cause);
    }
    return failure;
  }

  /** Nobody has answered there in time. */
  public static SocketTimeoutException connectTimedOut(SocketAddress remote, Duration timeout) {
    return new SocketTimeoutException(
        "cannot connect in time: address=" + remote + ", connectTimeout=" + timeout);
  }

  /** The socket is connected, and the opening handshake takes too long. */
  public static SocketTimeoutException handshakeTimedOut(SocketAddress remote, Duration timeout) {
    return new SocketTimeoutException(
        "no response in time: address=" + remote + ", handshakeTimeout=" + timeout);
  }

  /** The response is none that can be read. */
  public static ProtocolException malformed() {
    return new ProtocolException(ProtocolErrors.sentence(ProtocolErrors.MALFORMED_RESPONSE));
  }

  /** The server has closed before its response was complete. */
  public static EOFException ended() {
    return new EOFException("the server ended the connection before its response was complete");
  }

  /**
   * The socket broke before its response was complete.
   *
   * @param errno why, in Linux's numbers
   * @param cause what the system said; null where there is no exception
   */
  public static IOException broken(int errno, @Nullable IOException cause) {
    String text = Errno.text(errno) + ": errno=" + errno;
    return new IOException("the connection broke before the response was complete: " + text, cause);
  }

  /** The client has ended, or is about to. */
  public static IOException closed() {
    return new IOException("the client was closed");
  }
}
