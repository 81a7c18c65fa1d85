// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.internal.ring.Inbox;

/** Work that any thread may give to a loop and that is never refused. */
abstract class LoopTask extends Inbox.Task {
  private boolean dropped;

  /** The loop has ended before this could run. */
  void drop() {
    dropped = true;
  }

  /** Whether this will never run. Only meaningful once the loop has ended. */
  boolean isDropped() {
    return dropped;
  }
}
