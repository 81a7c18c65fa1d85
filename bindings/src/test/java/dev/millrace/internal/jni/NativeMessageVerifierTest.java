// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.flatbuffers.Orders;
import dev.millrace.internal.spi.MessageMemory;
import dev.millrace.internal.spi.MessageVerifier;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The verifier of the core over messages where they lie: in the arena, in blocks, and queued. */
@Timeout(60)
final class NativeMessageVerifierTest {
  private static final int DEPTH = 64;
  private static final int TABLES = 1_000_000;

  private final BlockingQueue<String> outcomes = new LinkedBlockingQueue<>();

  /** What a handler does with a message. */
  private interface Look {
    void at(Message message, MessageVerifier verifier);
  }

  private Handler looking(Look look) {
    return (Connection connection, Message message) -> {
      try {
        MessageVerifier verifier = ((MessageMemory) message).verifier();
        look.at(message, verifier);
        outcomes.add("passed");
      } catch (Throwable failure) {
        outcomes.add(failure.toString());
      }
    };
  }

  private void send(Look look, byte[]... messages) throws Exception {
    HandlerExecutor executor = HandlerExecutor.of(task -> new Thread(task, "pool").start());
    try (Server server =
        Server.builder()
            .engine(Engine.NATIVE)
            .loops(1)
            .listen("ws://127.0.0.1:0")
            .route("/", looking(look))
            .route("/queued", looking(look), executor)
            .start()) {
      for (String path : new String[] {"/", "/queued"}) {
        try (RawClient client = RawClient.connect(server.addresses().get(0), path)) {
          for (byte[] message : messages) {
            client.write(Frame.binary(message));
            assertThat(Deadline.take(outcomes, "the handler")).isEqualTo("passed");
          }
        }
      }
    }
  }

  /** The last has a block of its own. */
  private static byte[][] goodOrders() {
    return new byte[][] {Orders.small("ACME"), Orders.full(3), Orders.full(20_000)};
  }

  @Test
  void goodMessagesAreAcceptedAndBrokenOnesAreNot() throws Exception {
    Look look =
        (message, verifier) -> {
          int schema = verifier.load(Orders.bfbs(), DEPTH, TABLES, true);
          boolean isGood = message.payload().get(message.length() - 1) == 0;
          assertThat(verifier.accepts(schema, message)).isEqualTo(isGood);
          verifier.forget(schema);
        };
    for (byte[] good : goodOrders()) {
      byte[] padded = Arrays.copyOf(good, good.length + 1);
      byte[] broken = padded.clone();
      broken[4] ^= 1; // the file identifier
      broken[good.length] = 1;
      send(look, padded, broken);
    }
  }

  @Test
  void limitsAreThoseOfTheSchema() throws Exception {
    send(
        (message, verifier) -> {
          int narrow = verifier.load(Orders.bfbs(), DEPTH, 3, false);
          assertThat(verifier.accepts(narrow, message)).isFalse();
          verifier.forget(narrow);
          assertThatIllegalArgumentException()
              .isThrownBy(() -> verifier.load(Orders.bfbs(), 0, TABLES, false));
        },
        Orders.full(3));
  }

  @Test
  void theViewShowsThePayload() throws Exception {
    byte[] payload = Orders.full(3);
    send(
        (message, verifier) -> {
          MessageMemory lies = (MessageMemory) message;
          byte[] seen = new byte[payload.length];
          ByteBuffer memory = lies.memory();
          memory.get(lies.memoryOffset(), seen);
          assertThat(seen).isEqualTo(payload);
          assertThat(memory.isReadOnly()).isTrue();
          assertThat(lies.memory()).isSameAs(memory);
        },
        payload);
  }

  @Test
  void whatIsNoSchemaOrNoMessageIsRefused() throws Exception {
    send(
        (message, verifier) -> {
          assertThatIllegalArgumentException()
              .isThrownBy(() -> verifier.load(new byte[0], DEPTH, TABLES, false));
          assertThatIllegalArgumentException()
              .isThrownBy(() -> verifier.load(Orders.small("ACME"), DEPTH, TABLES, false));
          int schema = verifier.load(Orders.bfbs(), DEPTH, TABLES, false);
          verifier.forget(schema);
          verifier.forget(schema);
          assertThatIllegalStateException().isThrownBy(() -> verifier.accepts(schema, message));
          assertThatIllegalStateException().isThrownBy(() -> verifier.accepts(-1, message));
        },
        Orders.small("ACME"));
  }

  @Test
  void aMessageIsNotJudgedAfterItsHandler() throws Exception {
    BlockingQueue<Message> kept = new LinkedBlockingQueue<>();
    send((message, verifier) -> kept.add(message), Orders.small("ACME"));
    for (Message message : kept) {
      assertThatIllegalStateException()
          .isThrownBy(() -> NativeMessageVerifier.INSTANCE.accepts(0, message));
      assertThatIllegalStateException().isThrownBy(((MessageMemory) message)::memory);
    }
  }
}
