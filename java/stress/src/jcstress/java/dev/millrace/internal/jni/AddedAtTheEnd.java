// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import java.util.concurrent.CompletableFuture;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** A future is added while its connection ends: it is failed by the end, or not kept. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "failed")
@Outcome(id = "false, false", expect = Expect.ACCEPTABLE, desc = "not kept: the send is answered")
@Outcome(expect = Expect.FORBIDDEN, desc = "kept behind the end, where nobody looks")
@State
public class AddedAtTheEnd {
  private static final long TOKEN = Completions.token(1, 5);

  private final Completions completions = new Completions();
  private final CompletableFuture<Void> future = new CompletableFuture<>();

  /** The sender. */
  @Actor
  public void add() {
    completions.add(TOKEN, future);
  }

  /** The connection's end. */
  @Actor
  public void end() {
    completions.end();
  }

  /** What became of it. */
  @Arbiter
  public void look(ZZ_Result result) {
    result.r1 = future.isCompletedExceptionally();
    result.r2 = completions.remove(TOKEN) != null;
  }
}
