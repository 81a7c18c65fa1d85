// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Connection;
import dev.millrace.MillraceException;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.internal.spi.LoopMeter;
import dev.millrace.internal.spi.Tally;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** Loops that connect to servers. */
final class NioClient implements EngineClient {
  private final LoopGroup loops;
  private final AtomicInteger turn = new AtomicInteger();

  private NioClient(LoopGroup loops) {
    this.loops = loops;
  }

  /** A running client; or an exception, and nothing left behind. */
  static NioClient start(ClientSpec spec) throws MillraceException {
    Rehearsal.run();
    LoopGroup loops = new LoopGroup(LoopSpec.of(spec));
    loops.create(spec.loops());
    loops.start();
    return new NioClient(loops);
  }

  @Override
  public ClientLoop leastLoaded() {
    return new NioClientLoop(loops.leastLoaded(turn.getAndIncrement()));
  }

  @Override
  public int connectionCount() {
    return loops.connections().get();
  }

  @Override
  public void readStatistics(int loop, long[] values) {
    loops.readStatistics(loop, values);
  }

  @Override
  public LoopMeter meter(int loop) {
    return loops.loop(loop).meter();
  }

  @Override
  public void visit(int loop, Consumer<? super Connection> visitor, Runnable done) {
    loops.loop(loop).visit(visitor, done);
  }

  @Override
  public Tally tally() {
    return loops.tally();
  }

  @Override
  public void shutdown(Duration drain) {
    loops.shutdown(drain, Duration.ZERO);
  }

  @Override
  public CompletionStage<Void> terminated() {
    return loops.terminated();
  }
}
