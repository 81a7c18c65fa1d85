// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.flatbuffers.Orders;
import dev.millrace.flatbuffers.Orders.Order;
import dev.millrace.flatbuffers.Schema;
import dev.millrace.flatbuffers.TypedHandler;
import dev.millrace.internal.spi.MessageMemory;
import dev.millrace.internal.spi.MessageVerifier;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What verifying a message costs beside echoing it, for {@code docs/typed.md}; only with {@code
 * -Dmillrace.test.verifyCost=true}. Both are processor time of the loop's thread.
 */
@Tag("unchecked")
@Timeout(170)
class VerifyCostTest {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final Schema<Order> ORDERS = Orders.schema();
  private static final int ECHOES = 40_000;
  private static final int[] IN_FLIGHT = {1, 64};

  /** How long messages are, and how many orders' legs that is. */
  private enum Size {
    SMALL(-1),
    MIDDLE(0),
    LARGE(370);

    final int legs;

    Size(int legs) {
      this.legs = legs;
    }

    byte[] message() {
      if (legs < 0) {
        return Orders.small("an order of 64 B");
      }
      FlatBufferBuilder builder = new FlatBufferBuilder(1024);
      Orders.write(builder, legs);
      return builder.sizedByteArray();
    }

    int repeats() {
      return this == LARGE ? 5_000 : 200_000;
    }
  }

  private interface Judge {
    boolean accepts(Message message);
  }

  private final BlockingQueue<double[]> measured = new LinkedBlockingQueue<>();
  private final BlockingQueue<Double> echoed = new LinkedBlockingQueue<>();
  private int echoes;
  private long echoesBegan;

  /** Nanoseconds each: the walk in Java, that of the engine, a whole typed read. */
  private void measure(Connection connection, Message message) throws Exception {
    int repeats = message.length() > 4096 ? Size.LARGE.repeats() : Size.SMALL.repeats();
    MessageMemory own = (MessageMemory) message;
    ByteBuffer payload = message.payload();
    MessageVerifier verifier = own.verifier();
    int handle = verifier == null ? 0 : verifier.load(Orders.bfbs(), 64, 1_000_000, false);
    long[] sum = new long[1];
    Handler typed = TypedHandler.of(ORDERS, (c, order) -> sum[0] += order.symbolLength());
    double java = Double.MAX_VALUE;
    double engine = Double.NaN;
    double read = Double.MAX_VALUE;
    for (int round = 0; round < 7; round++) {
      java = Math.min(java, nanos(repeats, message, m -> ORDERS.check(payload).isEmpty()));
      if (verifier != null) {
        double nanos = nanos(repeats, message, m -> verifier.accepts(handle, m));
        engine = round == 0 ? nanos : Math.min(engine, nanos);
      }
      long start = System.nanoTime();
      for (int i = 0; i < repeats; i++) {
        typed.onMessage(connection, message);
      }
      read = Math.min(read, (double) (System.nanoTime() - start) / repeats);
    }
    if (verifier != null) {
      verifier.forget(handle);
    }
    assertTrue(sum[0] > 0);
    measured.add(new double[] {java, engine, read});
  }

  private static double nanos(int repeats, Message message, Judge judge) {
    int accepted = 0;
    long start = System.nanoTime();
    for (int i = 0; i < repeats; i++) {
      accepted += judge.accepts(message) ? 1 : 0;
    }
    long end = System.nanoTime();
    assertEquals(repeats, accepted);
    return (double) (end - start) / repeats;
  }

  private void echo(Connection connection, Message message) {
    connection.send(message);
    if (++echoes == ECHOES / 2) {
      echoesBegan = THREADS.getCurrentThreadCpuTime();
    } else if (echoes == ECHOES) {
      long used = THREADS.getCurrentThreadCpuTime() - echoesBegan;
      echoes = 0;
      echoed.add((double) used / (ECHOES - ECHOES / 2));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JAVA"})
  void costs(Engine engine) throws Exception {
    assumeTrue(Boolean.getBoolean("millrace.test.verifyCost"), "measured on demand");
    try (Server server =
        Server.builder()
            .engine(engine)
            .loops(1)
            .listen("ws://127.0.0.1:0")
            .route("/measure", this::measure)
            .route("/echo", this::echo)
            .start()) {
      for (Size size : Size.values()) {
        byte[] message = size.message();
        try (RawClient client = RawClient.connect(server.addresses().get(0), "/measure");
            RawClient echo = RawClient.connect(server.addresses().get(0), "/echo")) {
          client.write(Frame.binary(message));
          double[] nanos = Deadline.take(measured, "the measurement");
          System.out.printf(
              Locale.ROOT,
              "%s %d B: walk in Java %.0f ns, of the engine %.0f ns, typed read %.0f ns",
              engine,
              message.length,
              nanos[0],
              nanos[1],
              nanos[2]);
          for (int inFlight : IN_FLIGHT) {
            double perEcho = echo(echo, message, inFlight);
            System.out.printf(
                Locale.ROOT,
                "; %d in flight: echo %.0f ns, read / echo %.3f",
                inFlight,
                perEcho,
                nanos[2] / perEcho);
          }
          System.out.println();
        }
      }
    }
  }

  /** Nanoseconds of the loop for an echo. */
  private double echo(RawClient client, byte[] message, int inFlight) throws Exception {
    Frame[] frames = new Frame[inFlight];
    Arrays.fill(frames, Frame.binary(message));
    byte[] bytes = RawClient.bytesOf(frames);
    for (int sent = 0; sent < ECHOES; sent += inFlight) {
      client.write(bytes);
      for (int i = 0; i < inFlight; i++) {
        client.readMessage();
      }
    }
    return Deadline.take(echoed, "the echoes");
  }
}
