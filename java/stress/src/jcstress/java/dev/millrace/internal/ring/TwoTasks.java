// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/** A task is never refused and runs once, while the loop drains. */
@JCStressTest
@Outcome(id = "1000, 1000", expect = Expect.ACCEPTABLE, desc = "the other one came later")
@Outcome(id = "2000, 0", expect = Expect.ACCEPTABLE, desc = "both were there")
@Outcome(expect = Expect.FORBIDDEN, desc = "one was lost or ran twice")
@State
public class TwoTasks {
  private final Inbox inbox = new Inbox(2);

  /** The loop, and a task of its own that it posts first. */
  @Actor
  public void loop(JJ_Result result) {
    inbox.post(new StressTask());
    Sum sum = new Sum();
    inbox.drain(sum);
    result.r1 = sum.value;
  }

  /** Another thread. */
  @Actor
  public void producer() {
    inbox.post(new StressTask());
  }

  /** What is left. */
  @Arbiter
  public void rest(JJ_Result result) {
    Sum sum = new Sum();
    inbox.drain(sum);
    result.r2 = sum.value;
  }
}
