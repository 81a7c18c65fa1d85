// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/** Logs what an application threw, on a loop that must go on whatever happens. */
public final class ErrorLog {

  private static final Logger LOGGER = System.getLogger("dev.millrace");

  private ErrorLog() {}

  /**
   * Logs at {@link Level#ERROR}; where the logging backend itself throws, on standard error. Never
   * throws what a backend throws.
   *
   * @param message what failed
   * @param thrown how
   */
  public static void log(String message, Throwable thrown) {
    try {
      LOGGER.log(Level.ERROR, message, thrown);
    } catch (Throwable t) {
      if (t != thrown) {
        thrown.addSuppressed(t);
      }
      thrown.printStackTrace();
    }
  }
}
