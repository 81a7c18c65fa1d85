// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.URI;
import java.util.Objects;
import java.util.concurrent.CompletionStage;

/**
 * Makes connections. Clients share their loops, so that one client serves a whole program. Any
 * thread may call any method.
 *
 * @implNote Client connections are not in 0.1.0: {@link #create()} and {@link Builder#build()}
 *     throw {@link UnsupportedOperationException}, so that no client exists yet.
 */
public final class Client implements AutoCloseable {

  private Client() {}

  /**
   * A client with default options.
   *
   * @return the client
   * @throws UnsupportedOperationException always
   */
  public static Client create() {
    return builder().build();
  }

  /**
   * A client with options.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Connects and completes the opening handshake.
   *
   * @param uri {@code ws://HOST:PORT/PATH} or {@code ws+unix:///SOCKET:/PATH}
   * @param handler serves the connection, on its loop thread
   * @return the open connection; fails with an {@link UpgradeException} if the server answered
   *     otherwise, with an {@link java.io.IOException} if it could not be reached
   */
  public CompletionStage<Connection> connect(URI uri, Handler handler) {
    Objects.requireNonNull(uri, "uri");
    Objects.requireNonNull(handler, "handler");
    throw notYet();
  }

  /**
   * Connects and waits for the opening handshake.
   *
   * @param uri as of {@link #connect}
   * @return the open connection
   * @throws MillraceException if it could not be opened
   * @throws InterruptedException if interrupted while waiting
   */
  public BlockingConnection open(URI uri) throws MillraceException, InterruptedException {
    Objects.requireNonNull(uri, "uri");
    throw notYet();
  }

  /** Closes the connections of this client with {@link CloseCode#GOING_AWAY}. */
  @Override
  public void close() {}

  private static UnsupportedOperationException notYet() {
    return new UnsupportedOperationException("client connections are not in 0.1.0");
  }

  /** Options of a {@link Client}. Not safe for several threads. */
  public static final class Builder {

    private Reconnect reconnect = Reconnect.never();
    private Limits limits = Limits.defaults();

    private Builder() {}

    /**
     * Sets when to connect again; by default never.
     *
     * @param reconnect the policy
     * @return this builder
     */
    public Builder reconnect(Reconnect reconnect) {
      this.reconnect = Objects.requireNonNull(reconnect, "reconnect");
      return this;
    }

    /**
     * Sets what servers may send.
     *
     * @param limits the limits
     * @return this builder
     */
    public Builder limits(Limits limits) {
      this.limits = Objects.requireNonNull(limits, "limits");
      return this;
    }

    /**
     * Builds the client.
     *
     * @return the client
     * @throws UnsupportedOperationException always
     * @implNote Client connections are not in 0.1.0; this throws {@link
     *     UnsupportedOperationException}.
     */
    public Client build() {
      throw notYet();
    }

    @Override
    public String toString() {
      return "Client.Builder[reconnect=" + reconnect + ", limits=" + limits + "]";
    }
  }
}
