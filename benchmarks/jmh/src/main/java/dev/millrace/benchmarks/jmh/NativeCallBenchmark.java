// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.CompilerControl;

/** What it costs to call and do nothing: the part of every native figure that is the call's own. */
public class NativeCallBenchmark extends Microbenchmark {

  @Benchmark
  public void javaCall() {
    empty();
  }

  @Benchmark
  public void nativeCall() {
    NativeKernels.empty();
  }

  @CompilerControl(CompilerControl.Mode.DONT_INLINE)
  private static void empty() {}
}
