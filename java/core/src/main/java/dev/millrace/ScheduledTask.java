// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/** A task waiting for its time on a loop; see {@link Connection#schedule}. */
@FunctionalInterface
public interface ScheduledTask {

  /**
   * Gives the task up if it has not begun. Any thread; calling it again does nothing.
   *
   * @return true if the task will not run because of this call
   */
  boolean cancel();
}
