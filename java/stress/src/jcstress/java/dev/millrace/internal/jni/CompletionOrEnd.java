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

/** A send is told to be out while its connection ends: its future gets one answer. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "taken out, nobody else answers")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "failed by the end")
@Outcome(id = "true, true", expect = Expect.FORBIDDEN, desc = "answered twice")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "never answered")
@State
public class CompletionOrEnd {
  private static final long TOKEN = Completions.token(1, 5);

  private final Completions completions = new Completions();
  private final CompletableFuture<Void> future = new CompletableFuture<>();

  /** A connection with one send on its way. */
  public CompletionOrEnd() {
    completions.add(TOKEN, future);
  }

  /** The sender that was refused, or the loop that was told. */
  @Actor
  public void remove(ZZ_Result result) {
    result.r1 = completions.remove(TOKEN) == future;
  }

  /** The connection's end. */
  @Actor
  public void end() {
    completions.end();
  }

  /** What became of it. */
  @Arbiter
  public void look(ZZ_Result result) {
    result.r2 = future.isCompletedExceptionally();
  }
}
