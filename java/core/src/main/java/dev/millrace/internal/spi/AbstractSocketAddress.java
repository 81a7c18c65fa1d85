// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.net.SocketAddress;
import java.util.Objects;

/** A Unix socket in Linux's abstract namespace. */
public final class AbstractSocketAddress extends SocketAddress {

  private static final long serialVersionUID = 1L;

  private final String name;

  /**
   * An address.
   *
   * @param name at most {@link ListenAddress#MAX_ABSTRACT_NAME_BYTES} bytes of UTF-8
   */
  public AbstractSocketAddress(String name) {
    this.name = Objects.requireNonNull(name, "name");
  }

  /**
   * The name without the zero that it begins with.
   *
   * @return the name
   */
  public String name() {
    return name;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof AbstractSocketAddress address && address.name.equals(name);
  }

  @Override
  public int hashCode() {
    return name.hashCode();
  }

  @Override
  public String toString() {
    return "@" + name;
  }
}
