// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.MillraceException;
import dev.millrace.SocketOptions;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.EngineClient;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A group of loops that connect to servers. */
final class NativeClient extends LoopGroup implements EngineClient {
  /** How many sockets a loop holds at most. It costs address space until they are there. */
  private static final int MAX_SLOTS = 1 << 20;

  private final ClientSpec spec;
  private final AtomicInteger next = new AtomicInteger();

  private NativeClient(ClientSpec spec) throws MillraceException {
    super(spec.limits(), Integer.MAX_VALUE);
    this.spec = spec;
  }

  /** A running client; or an exception, and nothing left behind. */
  static NativeClient start(ClientSpec spec) throws MillraceException {
    NativeClient client = new NativeClient(spec);
    ByteBuffer options = options(spec.limits(), MAX_SLOTS, spec.relaxed(), spec.compression());
    options.putInt(Records.OPTION_ROLE_OFFSET, Records.CLIENT);
    client.createLoops(spec.loops(), options);
    client.startLoops();
    return client;
  }

  @Override
  String owner() {
    return "client";
  }

  @Override
  String threadName(int index) {
    return "millrace-client-" + index;
  }

  @Override
  NativeLoop newLoop(int index, int handle) {
    return new NativeLoop(
        this, index, handle, spec.limits(), SocketOptions.defaults(), null, List.of());
  }

  @Override
  public ClientLoop leastLoaded() {
    List<NativeLoop> loops = loops();
    int first = next.getAndIncrement();
    NativeClientLoop least = loops.get(Math.floorMod(first, loops.size())).clientLoop();
    for (int i = 1; i < loops.size(); i++) {
      NativeClientLoop loop = loops.get(Math.floorMod(first + i, loops.size())).clientLoop();
      if (loop.load() < least.load()) {
        least = loop;
      }
    }
    return least;
  }

  /** What the loop was about to do is nobody's any more: the client ends, and its links say so. */
  @Override
  void onLoopEnd(NativeLoop loop, @Nullable Throwable failure) {
    if (failure != null) {
      endOthers();
    }
    super.onLoopEnd(loop, failure);
  }

  @Override
  public void shutdown(Duration drain) {
    shutdown(drain, Duration.ZERO);
  }
}
