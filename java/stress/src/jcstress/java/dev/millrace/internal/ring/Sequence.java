// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import java.util.StringJoiner;

/** Writes down in which order it receives. */
final class Sequence implements Inbox.Receiver {
  private final StringJoiner received = new StringJoiner(" ").setEmptyValue("nothing");

  @Override
  public void onRecord(long first, long second, long third, long fourth) {
    received.add("record");
  }

  @Override
  public void onTask(Inbox.Task task) {
    received.add("task");
  }

  @Override
  public String toString() {
    return received.toString();
  }
}
