// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.examples.orderbook.wire.Request;
import dev.millrace.examples.orderbook.wire.Side;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class OrderReaderTest {
  private final OrderReader reader = new OrderReader();

  @Test
  void readsAnOrder() {
    assertThat(reader.read(slice(Orders.place(0xFFFF_FFFFL, Side.Sell, 10_005, 7)))).isTrue();

    assertThat(reader.requestType()).isEqualTo(Request.PlaceOrder);
    assertThat(reader.correlation()).isEqualTo(0xFFFF_FFFFL);
    assertThat(reader.sentAt()).isEqualTo(12.5);
    assertThat(reader.side()).isEqualTo(Side.Sell);
    assertThat(reader.price()).isEqualTo(10_005);
    assertThat(reader.quantity()).isEqualTo(7);
  }

  @Test
  void readsACancellationAndAProbe() {
    assertThat(reader.read(slice(Orders.cancel(3, 0xFFFF_FFFEL)))).isTrue();
    assertThat(reader.requestType()).isEqualTo(Request.CancelOrder);
    assertThat(reader.order()).isEqualTo(0xFFFF_FFFEL);

    assertThat(reader.read(slice(Orders.probe(4)))).isTrue();
    assertThat(reader.requestType()).isEqualTo(Request.Probe);
    assertThat(reader.correlation()).isEqualTo(4);
  }

  @Test
  void refusesOtherRequestsAndIdentifiers() {
    assertThat(reader.read(slice(Orders.ofType(Request.NONE)))).isFalse();
    assertThat(reader.read(slice(Orders.ofType((byte) 4)))).isFalse();
    assertThat(reader.read(slice(Orders.ofType((byte) -1)))).isFalse();
    byte[] other = Orders.probe(1);
    other[4] ^= 1;
    assertThat(reader.read(slice(other))).isFalse();
  }

  @Test
  void throwsOnARootOutsideTheMessageAlthoughTheMemoryGoesOn() {
    byte[] good = Orders.place(1, Side.Buy, 100, 1);
    // Two good messages side by side, as in a receive area: the first one's root leads to the
    // other.
    ByteBuffer area = ByteBuffer.allocateDirect(2 * good.length).order(ByteOrder.LITTLE_ENDIAN);
    area.put(good).put(good);
    area.putInt(0, good.length + area.getInt(0));
    ByteBuffer first = area.slice(0, good.length).asReadOnlyBuffer();

    assertThatThrownBy(() -> reader.read(first)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  /** Whatever the bytes, reading them ends in true, false or the one exception that is expected. */
  @Test
  void survivesEveryTruncationAndAnyBitFlips() {
    Random random = new Random(11);
    byte[] good = Orders.place(9, Side.Buy, 10_000, 10);
    int read = 0;
    int refused = 0;
    for (int length = 0; length < good.length; length++) {
      byte[] cut = Arrays.copyOf(good, length);
      refused += readable(cut) ? 0 : 1;
    }
    assertThat(refused).isGreaterThan(good.length / 2);
    refused = 0;
    for (int i = 0; i < 200_000; i++) {
      byte[] bytes = good.clone();
      for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      if (readable(bytes)) {
        read++;
      } else {
        refused++;
      }
    }
    assertThat(read).isGreaterThan(1_000);
    assertThat(refused).isGreaterThan(1_000);
  }

  private boolean readable(byte[] bytes) {
    try {
      return reader.read(slice(bytes));
    } catch (IndexOutOfBoundsException e) {
      return false;
    }
  }

  /** As a handler gets it: read-only, direct, exactly the message. */
  private static ByteBuffer slice(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip().slice().asReadOnlyBuffer();
  }
}
