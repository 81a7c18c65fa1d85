// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;

/** A running server of one engine. All methods are safe from any thread. */
public interface EngineServer extends EngineLoops {

  /**
   * What is listened on, with the ports that were really bound.
   *
   * @return the addresses in the order of {@link ServerSpec#listen()}
   */
  List<URI> addresses();

  /**
   * Stops accepting, sends every connection a Close frame with 1001, waits for them up to a time,
   * cuts the rest and ends the loops. Blocks until all is done, except on a loop thread, where it
   * starts this and returns. Calling it again waits for the first call.
   *
   * @param drain how long to wait for the closing handshakes, from now; zero cuts at once
   * @param spread over how much of that time each loop spreads its Close frames evenly, the first
   *     at once; not longer than {@code drain}
   */
  void shutdown(Duration drain, Duration spread);

  /**
   * Completes when the last loop has ended, however that came.
   *
   * @return a stage that fails with what ended a loop, if one ended by a failure of our own
   */
  CompletionStage<Void> terminated();
}
