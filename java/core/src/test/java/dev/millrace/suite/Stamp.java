// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;

/**
 * A message that says where it belongs: target, thread and sequence, and behind them bytes that
 * follow from these three. A byte of another connection cannot pass for one of its own.
 */
final class Stamp {

  private static final int HEAD = 12;

  private Stamp() {}

  static byte[] of(int target, int thread, int sequence, int filler) {
    ByteBuffer message = ByteBuffer.allocate(HEAD + filler);
    message.putInt(target).putInt(thread).putInt(sequence);
    int state = target * 31 + thread * 7 + sequence;
    while (message.hasRemaining()) {
      state = state * 1_103_515_245 + 12_345;
      message.put((byte) (state >>> 16));
    }
    return message.array();
  }

  /** Reads {@code each} messages of every thread, which must come in each thread's order. */
  static void readAll(RawClient client, int target, int threads, int each) throws Exception {
    int[] next = new int[threads];
    for (int i = 0; i < threads * each; i++) {
      ServerFrame message = client.readMessage();
      assertEquals(Frame.BINARY, message.opcode(), message::toString);
      int thread = threadOf(message.payload());
      check(message.payload(), target);
      assertEquals(next[thread]++, sequenceOf(message.payload()), "sequence of thread " + thread);
    }
  }

  /** Every byte is as it was sent, and sent to this target. */
  static void check(byte[] message, int target) {
    int filler = message.length - HEAD;
    byte[] expected = of(target, threadOf(message), sequenceOf(message), filler);
    assertArrayEquals(expected, message, "a byte of another message");
  }

  static int threadOf(byte[] message) {
    return ByteBuffer.wrap(message).getInt(4);
  }

  static int sequenceOf(byte[] message) {
    return ByteBuffer.wrap(message).getInt(8);
  }
}
