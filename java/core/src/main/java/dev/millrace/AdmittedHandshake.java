// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.Admission;

/** The handshake of a connection that is counted. */
final class AdmittedHandshake extends ForwardingHandshake implements Admission {
  private final Admission place;

  AdmittedHandshake(Handshake kept, Admission place) {
    super(kept);
    this.place = place;
  }

  @Override
  public void release() {
    place.release();
  }
}
