// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.Admission;

/** The handshake of a connection that is counted. */
final class AdmittedHandshake extends ForwardingHandshake implements Admission {
  private final Admission place;
  private final Admission memory;

  /**
   * Of a connection that holds both.
   *
   * @param memory what it has taken for its compression
   */
  AdmittedHandshake(Handshake kept, Admission place, Admission memory) {
    super(kept);
    this.place = place;
    this.memory = memory;
  }

  @Override
  public void release() {
    place.release();
    memory.release();
  }
}
