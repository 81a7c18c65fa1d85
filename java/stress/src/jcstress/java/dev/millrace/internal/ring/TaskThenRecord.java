// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/** A send never overtakes the task that its thread posted before. */
@JCStressTest
@Outcome(id = "nothing", expect = Expect.ACCEPTABLE, desc = "nothing yet")
@Outcome(id = "task", expect = Expect.ACCEPTABLE, desc = "the record comes later")
@Outcome(id = "task record", expect = Expect.ACCEPTABLE, desc = "both, in order")
@Outcome(expect = Expect.FORBIDDEN, desc = "overtaken")
@State
public class TaskThenRecord {
  private final Inbox inbox = new Inbox(2);
  private final StressTask task = new StressTask();

  /** The loop. */
  @Actor
  public void loop(L_Result result) {
    Sequence sequence = new Sequence();
    inbox.drain(sequence);
    result.r1 = sequence.toString();
  }

  /** Another thread. */
  @Actor
  public void producer() {
    inbox.post(task);
    inbox.offer(1, 1, 1, 1);
  }
}
