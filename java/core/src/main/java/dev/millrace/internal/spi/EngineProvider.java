// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Engine;
import dev.millrace.MillraceException;
import java.util.Optional;

/** An engine, found by {@link java.util.ServiceLoader}. */
public interface EngineProvider {

  /**
   * Which engine this is.
   *
   * @return {@link Engine#NATIVE} or {@link Engine#JAVA}
   */
  Engine engine();

  /**
   * Why this engine cannot be used here. Never throws, so that choosing an engine is one {@code
   * if}.
   *
   * @return the cause, its message a sentence; empty if the engine can be used
   */
  Optional<Throwable> unavailabilityCause();

  /**
   * Starts a server. Returns when every listener is bound.
   *
   * @param spec what to serve
   * @return the running server
   * @throws MillraceException if that failed, with nothing left behind; a {@link
   *     dev.millrace.ListenException} for an address
   */
  EngineServer start(ServerSpec spec) throws MillraceException;

  /**
   * Starts the loops of a client.
   *
   * @param spec what it allows
   * @return the running loops
   * @throws MillraceException if that failed, with nothing left behind
   */
  EngineClient start(ClientSpec spec) throws MillraceException;
}
