// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZJ_Result;

/** Two producers, room for one: it is one of them that gets it, and its record comes out. */
@JCStressTest
@Outcome(id = "true, false, 1", expect = Expect.ACCEPTABLE, desc = "the first got the cell")
@Outcome(id = "false, true, 10", expect = Expect.ACCEPTABLE, desc = "the second got the cell")
@Outcome(expect = Expect.FORBIDDEN, desc = "both, none, or something else came out")
@State
public class TwoProducers {
  private final Inbox inbox = new Inbox(2);

  /** Room for one. */
  public TwoProducers() {
    inbox.offer(0, 0, 0, 0);
  }

  /** A producer. */
  @Actor
  public void first(ZZJ_Result result) {
    result.r1 = inbox.offer(1, 1, 1, 1);
  }

  /** Another one. */
  @Actor
  public void second(ZZJ_Result result) {
    result.r2 = inbox.offer(10, 10, 10, 10);
  }

  /** The loop, when both are done. */
  @Arbiter
  public void loop(ZZJ_Result result) {
    Sum sum = new Sum();
    inbox.drain(sum);
    result.r3 = sum.value;
  }
}
