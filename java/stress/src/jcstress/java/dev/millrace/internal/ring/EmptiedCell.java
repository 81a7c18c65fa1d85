// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZJ_Result;

/**
 * A full ring, emptied while a producer wants a cell: it is refused or gets the cell, and what was
 * in the cell has been read before.
 */
@JCStressTest
@Outcome(
    id = "true, 11",
    expect = Expect.ACCEPTABLE,
    desc = "took the cell, the old ones were read")
@Outcome(id = "true, 111", expect = Expect.ACCEPTABLE, desc = "took the cell, all three were read")
@Outcome(id = "false, 11", expect = Expect.ACCEPTABLE, desc = "refused")
@Outcome(expect = Expect.FORBIDDEN, desc = "a record written over, lost or handed out twice")
@State
public class EmptiedCell {
  private final Inbox inbox = new Inbox(2);

  /** A full ring. */
  public EmptiedCell() {
    inbox.offer(1, 1, 1, 1);
    inbox.offer(10, 10, 10, 10);
  }

  /** The loop. */
  @Actor
  public void loop(ZJ_Result result) {
    Sum sum = new Sum();
    inbox.drain(sum);
    result.r2 = sum.value;
  }

  /** Another thread. */
  @Actor
  public void producer(ZJ_Result result) {
    result.r1 = inbox.offer(100, 100, 100, 100);
  }
}
