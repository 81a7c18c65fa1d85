// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

/** Adds up what it receives; a record whose words are not the same counts as none that exists. */
final class Sum implements Inbox.Receiver {
  long value;

  @Override
  public void onRecord(long first, long second, long third, long fourth) {
    value += first == second && second == third && third == fourth ? first : -1_000_000;
  }

  @Override
  public void onTask(Inbox.Task task) {
    value += StressTask.VALUE;
  }
}
