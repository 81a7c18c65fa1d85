// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import dev.millrace.suite.Frame;
import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/**
 * A client that behaves: an echo of 64 bytes at a fixed rate. Whoever is late sends at once, and
 * its time runs from when it should have sent, so that a server that stands still is seen to.
 */
final class Honest implements AutoCloseable {
  private static final long INTERVAL_NANOS = 1_000_000;
  private static final byte[] PAYLOAD = new byte[64];

  /** A message to an honest peer that is lost or wrong, or a connection that ends. */
  private volatile Throwable failure;

  private volatile boolean isOver;
  private final EchoClient client;
  private final Thread thread;
  private long[] times = new long[1 << 20];
  private int count;

  private Honest(EchoClient client) {
    this.client = client;
    thread = new Thread(this::run, "honest");
  }

  static Honest start(int port) throws Exception {
    Honest honest = new Honest(EchoClient.connect(port));
    honest.thread.start();
    return honest;
  }

  private void run() {
    try {
      byte[] frame = Frame.binary(PAYLOAD).bytes();
      long due = System.nanoTime();
      while (!isOver) {
        long early = due - System.nanoTime();
        if (early > 0) {
          LockSupport.parkNanos(early);
        }
        // Late by its own sleep is nobody's fault but the timer's.
        long begin = early > 0 ? System.nanoTime() : due;
        client.write(frame, 0, frame.length);
        client.expect(PAYLOAD);
        note(System.nanoTime() - begin);
        due = Math.max(due + INTERVAL_NANOS, System.nanoTime() - 1_000 * INTERVAL_NANOS);
      }
    } catch (Throwable e) {
      failure = e;
    }
  }

  private synchronized void note(long nanos) {
    if (count < times.length) {
      times[count++] = nanos;
    }
  }

  /** The round trips since the last call. */
  synchronized Trips take() {
    Trips trips = new Trips(Arrays.copyOf(times, count));
    count = 0;
    return trips;
  }

  Throwable failure() {
    return failure;
  }

  @Override
  public void close() throws IOException {
    isOver = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    client.close();
  }

  /** Round trips, sorted. */
  record Trips(long[] nanos) {
    Trips {
      Arrays.sort(nanos);
    }

    int count() {
      return nanos.length;
    }

    double percentileMillis(double percentile) {
      int index = (int) Math.ceil(percentile / 100 * nanos.length) - 1;
      return nanos.length == 0 ? Double.NaN : nanos[Math.max(0, index)] / 1e6;
    }
  }
}
