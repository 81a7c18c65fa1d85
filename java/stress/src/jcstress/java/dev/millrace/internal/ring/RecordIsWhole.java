// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJJJ_Result;

/**
 * A record is published with all its words or not at all, also in a cell that held another before.
 */
@JCStressTest
@Outcome(id = "0, 0, 0, 0", expect = Expect.ACCEPTABLE, desc = "not there yet")
@Outcome(id = "1, 2, 3, 4", expect = Expect.ACCEPTABLE, desc = "there")
@Outcome(expect = Expect.FORBIDDEN, desc = "torn, or of the lap before")
@State
public class RecordIsWhole {
  private final Inbox inbox = new Inbox(2);
  private final Words words = new Words();

  /** An inbox on its second lap. */
  public RecordIsWhole() {
    inbox.offer(9, 9, 9, 9);
    inbox.offer(9, 9, 9, 9);
    inbox.drain(new Words());
  }

  /** The loop. */
  @Actor
  public void loop(JJJJ_Result result) {
    inbox.drain(words);
    result.r1 = words.first;
    result.r2 = words.second;
    result.r3 = words.third;
    result.r4 = words.fourth;
  }

  /** Another thread. */
  @Actor
  public void producer() {
    inbox.offer(1, 2, 3, 4);
  }

  private static final class Words implements Inbox.Receiver {
    private long first;
    private long second;
    private long third;
    private long fourth;

    @Override
    public void onRecord(long first, long second, long third, long fourth) {
      this.first = first;
      this.second = second;
      this.third = third;
      this.fourth = fourth;
    }

    @Override
    public void onTask(Inbox.Task task) {}
  }
}
