// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.flatbuffers.Orders.Order;
import dev.millrace.suite.Deadline;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What a typed route keeps for each of its threads, and what it says of a fault. */
class TypedRouteTest {
  private static final Schema<Order> ORDERS = Orders.schema();

  private static ReusedTable<Order> reused() {
    return new ReusedTable<>(ORDERS, ReusedTable.isPlain(ORDERS));
  }

  /** A pool's threads live on when a server has ended; its memory is mapped as long as seen. */
  @Test
  void aThreadHoldsNoMemoryThatItHasSeen() {
    ReusedTable<Order> reused = reused();
    WeakReference<ByteBuffer> memory = seenBy(reused);
    Deadline.until(
        () -> {
          System.gc();
          return memory.refersTo(null);
        },
        "memory that nobody reads");
    assertThat(reused.isAttached()).isFalse();
  }

  private static WeakReference<ByteBuffer> seenBy(ReusedTable<Order> reused) {
    byte[] bytes = Orders.small("MILL");
    ByteBuffer memory = ByteBuffer.allocateDirect(bytes.length).put(bytes);
    ByteBuffer view = reused.viewOf(memory);
    assertThat(reused.viewOf(memory)).isSameAs(view);
    view.clear().order(ByteOrder.LITTLE_ENDIAN);
    Order order = reused.attach(view, 0);
    assertThat(order.symbol()).isEqualTo("MILL");
    reused.detach();
    return new WeakReference<>(memory);
  }

  @Test
  void manyRegionsAreSeenByTurns() {
    ReusedTable<Order> reused = reused();
    ByteBuffer[] memories = new ByteBuffer[10];
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < memories.length; i++) {
        memories[i] = round == 0 ? ByteBuffer.allocateDirect(i + 1) : memories[i];
        ByteBuffer view = reused.viewOf(memories[i]);
        assertThat(view).isNotSameAs(memories[i]).isSameAs(reused.viewOf(memories[i]));
        assertThat(view.capacity()).isEqualTo(i + 1);
      }
    }
  }

  /** A virtual thread handles a few messages, so that there are very many. */
  @Test
  void aThreadCostsOneCallAndNoDirectMemory() {
    AtomicInteger calls = new AtomicInteger();
    Schema<Order> counted =
        Schema.load(
            Orders.bfbs(),
            buffer -> {
              calls.incrementAndGet();
              return Order.getRootAsOrder(buffer);
            });
    boolean isPlain = ReusedTable.isPlain(counted);
    assertThat(isPlain).isTrue();
    calls.set(0);
    BufferPoolMXBean direct =
        ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
            .filter(pool -> pool.getName().equals("direct"))
            .findAny()
            .orElseThrow();
    long before = direct.getCount();
    for (int i = 0; i < 1000; i++) {
      assertThat(new ReusedTable<>(counted, isPlain).isAttached()).isFalse();
    }
    assertThat(direct.getCount() - before).isLessThan(100);
    assertThat(calls).hasValue(1000);
  }

  @Test
  void aReasonIsCutInTheMiddleOfThePathBetweenCharacters() throws CharacterCodingException {
    for (int length = 100; length < 130; length++) {
      for (String name : new String[] {"n", "\u00fc", "\u20ac", "\ud83d\ude00"}) {
        String path = "Order." + "x".repeat(length) + name.repeat(20);
        String reason = TypedRoute.reason(new Fault(Fault.Kind.STRING_PAST_END, path));
        ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(reason));
        assertThat(bytes.remaining()).isBetween(120, 123);
        int cut = reason.indexOf("...");
        assertThat(path).startsWith(reason.substring(0, cut));
        assertThat(path + ": string past end").endsWith(reason.substring(cut + 3));
        assertThat(reason).endsWith(name + ": string past end");
      }
    }
  }
}
