// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import org.jspecify.annotations.Nullable;

/**
 * Something that kept a server or a client from starting. The message is a sentence that names the
 * thing and the remedy; subclasses stand where the caller can act on the difference.
 */
public class MillraceException extends Exception {

  private static final long serialVersionUID = 1L;

  /**
   * A failure with its sentence.
   *
   * @param message what failed and what to do
   */
  public MillraceException(String message) {
    super(message);
  }

  /**
   * A failure with its sentence and its cause.
   *
   * @param message what failed and what to do
   * @param cause what was behind it, or null
   */
  public MillraceException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
