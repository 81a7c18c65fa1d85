// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** No engine of the wanted kind can be used on this machine; the message says why. */
public class EngineUnavailableException extends MillraceException {

  private static final long serialVersionUID = 1L;

  private final Engine engine;

  /**
   * A missing engine.
   *
   * @param engine what was asked for
   * @param message why it cannot be used and what to do
   * @param cause what was behind it, or null
   */
  public EngineUnavailableException(Engine engine, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.engine = Objects.requireNonNull(engine, "engine");
  }

  /**
   * The engine that was asked for.
   *
   * @return what was given to {@link Server.Builder#engine}
   */
  public Engine engine() {
    return engine;
  }
}
