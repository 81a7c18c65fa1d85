// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** Two producers find a loop asleep: one of them wakes it. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "the first wakes it")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "the second wakes it")
@Outcome(id = "true, true", expect = Expect.FORBIDDEN, desc = "both wake it")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "nobody wakes it")
@State
public class OneWakes {
  private final SleepProtocol sleep = new SleepProtocol();

  /** A loop that sleeps. */
  public OneWakes() {
    sleep.announce();
  }

  /** A producer. */
  @Actor
  public void first(ZZ_Result result) {
    result.r1 = sleep.claimWake();
  }

  /** Another one. */
  @Actor
  public void second(ZZ_Result result) {
    result.r2 = sleep.claimWake();
  }
}
