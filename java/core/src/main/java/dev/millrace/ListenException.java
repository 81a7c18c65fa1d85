// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.URI;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** An address could not be listened on: taken, not permitted, not of this machine. */
public class ListenException extends MillraceException {

  private static final long serialVersionUID = 1L;

  private final URI address;

  /**
   * A failure to listen.
   *
   * @param address the address as it was asked for
   * @param message what failed and what to do
   * @param cause what was behind it, or null
   */
  public ListenException(URI address, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.address = Objects.requireNonNull(address, "address");
  }

  /**
   * The address that could not be listened on.
   *
   * @return the address as it was asked for
   */
  public URI address() {
    return address;
  }
}
