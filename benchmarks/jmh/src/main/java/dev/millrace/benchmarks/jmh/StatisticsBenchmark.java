// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import dev.millrace.Engine;
import dev.millrace.MillraceException;
import dev.millrace.Server;
import dev.millrace.ServerStatistics;
import dev.millrace.internal.spi.LoopMeter;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What measuring costs.
 *
 * <ul>
 *   <li>{@code message}: of one message, most of which are not measured.
 *   <li>{@code sample}: of one that is: three looks at the clock, two counts.
 *   <li>{@code clock}: of one look, to compare with.
 *   <li>{@code snapshot}: of all that a server of two loops tells, on the thread that asks.
 * </ul>
 */
@State(Scope.Thread)
public class StatisticsBenchmark extends Microbenchmark {
  private final LoopMeter meter = new LoopMeter();
  private final ServerStatistics statistics = new ServerStatistics();
  private Server server;

  @Setup
  public void start() throws MillraceException {
    server = Server.builder().engine(Engine.JAVA).loops(2).listen("ws://127.0.0.1:0").start();
  }

  @TearDown
  public void stop() {
    server.close();
  }

  @Benchmark
  public boolean message() {
    boolean measured = meter.samples();
    if (measured) {
      measure();
    }
    return measured;
  }

  @Benchmark
  public long sample() {
    return measure();
  }

  private long measure() {
    meter.turnBegins(Integer.MAX_VALUE);
    long began = meter.handlerBegins();
    meter.handlerEnds(began);
    return began;
  }

  @Benchmark
  public long clock() {
    return System.nanoTime();
  }

  @Benchmark
  public long snapshot() {
    server.statistics(statistics);
    return statistics.connections() + 1;
  }
}
