// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.internal.ring.Records;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Seed;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Shows by address that what a handler reads is the memory the kernel wrote the bytes into. */
@Tag("unchecked")
@Timeout(60)
final class ZeroCopyTest {

  /** The receive arena and the room behind it for the last receive; docs/rings.md. */
  private static final int ARENA_END = 640 << 10;

  /** Where blocks begin; docs/rings.md. */
  private static final int BLOCKS = 1 << 20;

  /** A buffer's address is told modulo a unit; this is the largest that is a power of two. */
  private static final int UNIT = 1 << 30;

  private final BlockingQueue<String> outcomes = new LinkedBlockingQueue<>();

  /** A look at a message from inside its handler. */
  private interface Look {
    void at(NativeMessage message, ByteBuffer region, int offset);
  }

  private Handler looking(Look look) {
    return (Connection connection, Message message) -> {
      try {
        NativeMessage seen = (NativeMessage) message;
        look.at(seen, seen.loop().region(), Records.offset(seen.address()));
        outcomes.add("passed");
      } catch (Throwable failure) {
        outcomes.add(failure.toString());
      }
    };
  }

  private static Server start(Handler handler) throws Exception {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(1)
        .listen("ws://127.0.0.1:0")
        .route("/", handler)
        .start();
  }

  private void awaitPassed() throws InterruptedException {
    assertEquals("passed", Deadline.take(outcomes, "the handler"));
  }

  private static void assertSameMemory(ByteBuffer region, int offset, ByteBuffer view, int length) {
    assertEquals(region.alignmentOffset(offset, UNIT), view.alignmentOffset(0, UNIT), "address");
    for (int at : new int[] {0, length / 2, length - 1}) {
      byte original = region.get(offset + at);
      region.put(offset + at, (byte) ~original);
      assertEquals((byte) ~original, view.get(at), "what is written there is read here");
      region.put(offset + at, original);
    }
  }

  /** The frame's own header still stands before the payload, as the client has written it. */
  @ParameterizedTest
  @ValueSource(ints = {1, 125, 126, 4000, 16_000})
  void payloadLiesBehindItsFrameHeaderInTheReceiveArena(int length) throws Exception {
    byte[] payload = Seed.bytes(Seed.random("arena " + length), length);
    byte[] frame = Frame.binary(payload).bytes();
    byte[] header = Arrays.copyOf(frame, frame.length - length);
    Handler handler =
        looking(
            (message, region, offset) -> {
              assertTrue(offset + length <= ARENA_END, "offset in the region: " + offset);
              byte[] before = new byte[header.length];
              region.get(offset - header.length, before);
              assertArrayEquals(header, before);
              assertArrayEquals(payload, message.toByteArray());
              assertSameMemory(region, offset, message.payload(), length);
            });
    try (Server server = start(handler);
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      for (int run = 0; run < 20; run++) {
        client.write(frame);
        awaitPassed();
      }
    }
  }

  /** As they will stand in an echo of all of them. */
  @Test
  void messagesOfOneWriteLieSideBySide() throws Exception {
    int[] last = {-1};
    byte[] payload = Seed.bytes(Seed.random("side by side"), 100);
    Handler handler =
        looking(
            (message, region, offset) -> {
              if (last[0] >= 0 && offset > last[0]) {
                assertEquals(last[0] + 100 + 2, offset, "behind the payload and a header of 2");
              }
              last[0] = offset;
              assertSameMemory(region, offset, message.payload(), 100);
            });
    Frame[] frames = new Frame[50];
    Arrays.setAll(frames, i -> Frame.binary(payload));
    try (Server server = start(handler);
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      client.write(frames);
      for (int i = 0; i < frames.length; i++) {
        awaitPassed();
      }
    }
  }

  /** Larger than a receive: the rest of the frame is received straight into the message's block. */
  @ParameterizedTest
  @ValueSource(ints = {300_000, 1 << 20})
  void largePayloadIsReadInItsBlockAndRetainedThere(int length) throws Exception {
    byte[] payload = Seed.bytes(Seed.random("block " + length), length);
    BlockingQueue<Lease> leases = new LinkedBlockingQueue<>();
    Handler handler =
        looking(
            (message, region, offset) -> {
              assertTrue(offset >= BLOCKS, "offset in the region: " + offset);
              assertSameMemory(region, offset, message.payload(), length);
              Lease lease = message.retain();
              assertSameMemory(region, offset, lease.buffer(), length);
              leases.add(lease);
            });
    try (Server server = start(handler);
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      client.write(Frame.binary(payload));
      awaitPassed();
      try (Lease lease = Deadline.take(leases, "the lease")) {
        byte[] read = new byte[length];
        lease.buffer().duplicate().clear().get(read);
        assertArrayEquals(payload, read);
      }
    }
  }
}
