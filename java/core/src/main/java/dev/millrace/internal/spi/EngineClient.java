// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.time.Duration;
import java.util.concurrent.CompletionStage;

/** The running loops of a client. All methods are safe from any thread. */
public interface EngineClient extends EngineLoops {

  /**
   * The loop with the fewest sockets, those on their way included; of equal ones the next in turn,
   * so that many links made at once are spread.
   *
   * @return a loop; one that has ended refuses what it is asked
   */
  ClientLoop leastLoaded();

  /**
   * Fails the attempts, sends every connection a Close frame with 1001, waits for them up to a
   * time, cuts the rest and ends the loops. Blocks until all is done, except on a loop thread,
   * where it starts this and returns. Calling it again waits for the first call.
   *
   * @param drain how long to wait for the closing handshakes, from now; zero cuts at once
   */
  void shutdown(Duration drain);

  /**
   * Completes when the last loop has ended, however that came.
   *
   * @return a stage that fails with what ended a loop, if one ended by a failure of our own
   */
  CompletionStage<Void> terminated();
}
