// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/** A close never overtakes the sends that its thread made before. */
@JCStressTest
@Outcome(id = "nothing", expect = Expect.ACCEPTABLE, desc = "nothing yet")
@Outcome(id = "record", expect = Expect.ACCEPTABLE, desc = "the task comes later")
@Outcome(id = "record task", expect = Expect.ACCEPTABLE, desc = "both, in order")
@Outcome(expect = Expect.FORBIDDEN, desc = "overtaken")
@State
public class RecordThenTask {
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
    inbox.offer(1, 1, 1, 1);
    inbox.post(task);
  }
}
