// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Optional;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * A client's wish to be connected: it connects, and when the connection is lost connects again as
 * its {@link Reconnect} says, until that gives up or it is closed. Each connection is a new {@link
 * Connection}, told to the same handler by {@code onOpen}. Any thread may call any method.
 *
 * <pre>
 *   CONNECTING --> OPEN --lost--> WAITING --> CONNECTING ...
 *       |            |               |
 *       +--failed----|--> WAITING    |
 *       +------------+---------------+--> ENDED
 * </pre>
 */
public interface Link extends AutoCloseable {

  /** What a link does at the moment. */
  enum State {
    /** An attempt is on its way. */
    CONNECTING,
    /** There is a connection, and its {@code onOpen} has returned or waits for its executor. */
    OPEN,
    /** The next attempt waits for its time. */
    WAITING,
    /** For good. */
    ENDED
  }

  /**
   * How it stands.
   *
   * @param state what it does
   * @param attempt the number of the attempt on its way, or next, or that succeeded: from 1, and
   *     from 1 again after a connection that was open
   * @param failure why the last attempt failed or the last connection ended; null before
   */
  record Status(State state, int attempt, @Nullable Throwable failure) {}

  /**
   * How it stands now.
   *
   * @return a snapshot
   */
  Status status();

  /**
   * The connection there is now.
   *
   * @return the connection, empty unless {@link State#OPEN}
   */
  Optional<Connection> connection();

  /**
   * Completes with the first connection, on the loop thread, behind its {@code onOpen}.
   *
   * @return a stage that fails as {@link Client#connect} says if the link ends without any
   */
  CompletionStage<Connection> opened();

  /**
   * Completes when the link has ended: with the reason of its last connection if it was closed in
   * order by the application, by either side where the policy takes that as the end; fails with the
   * last attempt's failure when the policy gave up.
   *
   * @return the stage
   */
  CompletionStage<CloseReason> ended();

  /**
   * Ends it: an open connection is closed with {@link CloseCode#NORMAL_CLOSURE}, an attempt or a
   * wait is given up. Does not wait.
   */
  @Override
  void close();
}
