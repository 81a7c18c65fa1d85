// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

/** A task that is only counted. */
final class StressTask extends Inbox.Task {
  /** What it is worth to a {@link Sum}. */
  static final long VALUE = 1000;

  @Override
  public void run() {}
}
