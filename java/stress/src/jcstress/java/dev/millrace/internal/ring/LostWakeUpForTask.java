// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** As {@link LostWakeUp}, with a task. */
@JCStressTest
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "seen and woken: one wake too many")
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "seen by the loop's last look")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "asleep, and woken")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "asleep, with work, for ever")
@State
public class LostWakeUpForTask {
  private final Inbox inbox = new Inbox(2);
  private final SleepProtocol sleep = new SleepProtocol();
  private final StressTask task = new StressTask();

  /** The loop. */
  @Actor
  public void loop(ZZ_Result result) {
    sleep.announce();
    result.r1 = !inbox.isEmpty();
  }

  /** Another thread. */
  @Actor
  public void producer(ZZ_Result result) {
    inbox.post(task);
    result.r2 = sleep.claimWake();
  }
}
