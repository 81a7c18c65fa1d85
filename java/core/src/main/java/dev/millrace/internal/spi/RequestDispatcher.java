// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/** Decides what a request becomes. */
@FunctionalInterface
public interface RequestDispatcher {

  /**
   * Decides on a well-formed request. Called on the loop thread of its connection, by several loops
   * at once; must not block. Does not throw: what an application throws becomes a 500.
   *
   * @param head the request
   * @return what to do
   */
  Decision dispatch(RequestHead head);
}
