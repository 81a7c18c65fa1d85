// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.Server;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A message is a view of exactly its bytes, valid in its handler and nowhere else. */
public abstract class MessageSuite extends EngineSuite {

  private static final List<Function<Message, ?>> ACCESSORS =
      List.of(
          Message::kind,
          Message::length,
          Message::payload,
          Message::text,
          Message::toByteArray,
          Message::retain);

  /** Runs the checks inside the handler; what fails there fails the test. */
  private static final class Checks implements Handler {
    private final Handler checks;
    private final BlockingQueue<String> outcomes = new LinkedBlockingQueue<>();

    Checks(Handler checks) {
      this.checks = checks;
    }

    @Override
    public void onMessage(Connection connection, Message message) throws Exception {
      try {
        checks.onMessage(connection, message);
        outcomes.add("passed");
      } catch (Throwable failure) {
        outcomes.add(failure.toString());
        throw failure;
      }
    }

    void awaitPassed() throws InterruptedException {
      assertEquals("passed", Deadline.take(outcomes, "the handler"));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 125, 126, 5000, 65_536, 500_000})
  void payloadIsAReadOnlyDirectSliceOfExactlyTheMessage(int length) throws Exception {
    byte[] bytes = Seed.bytes(Seed.random("slice " + length), length);
    Checks checks =
        new Checks(
            (connection, message) -> {
              assertEquals(Message.Kind.BINARY, message.kind());
              assertEquals(length, message.length());
              ByteBuffer payload = message.payload();
              assertTrue(payload.isDirect() && payload.isReadOnly());
              assertEquals(ByteOrder.BIG_ENDIAN, payload.order());
              assertEquals(0, payload.position());
              assertEquals(length, payload.limit());
              assertEquals(length, payload.capacity());
              assertThrows(ReadOnlyBufferException.class, () -> payload.put(0, (byte) 1));
              byte[] read = new byte[length];
              payload.get(read);
              assertArrayEquals(bytes, read);
              assertArrayEquals(bytes, message.toByteArray());
            });
    RawClient client = connect(start(server().route("/", checks)));
    client.write(Frame.binary(bytes));
    checks.awaitPassed();
    client.write(Frame.binary(bytes).unfinished(), Frame.continuation(new byte[0]));
    checks.awaitPassed();
  }

  /**
   * Two messages in one write lie side by side. The first holds offsets, as a FlatBuffer does, that
   * point at the second; following them must fail and read nothing.
   */
  @Test
  void hostileOffsetsCannotReadTheNeighbour() throws Exception {
    byte[] hostile =
        ByteBuffer.allocate(16).putInt(20).putInt(-4).putInt(16).putInt(1 << 30).array();
    byte[] secret = "the neighbour's secret".getBytes(StandardCharsets.US_ASCII);
    Checks checks =
        new Checks(
            (connection, message) -> {
              ByteBuffer payload = message.payload();
              if (message.length() != 16) {
                return;
              }
              for (int at = 0; at < 16; at += 4) {
                int offset = payload.getInt(at);
                assertThrows(IndexOutOfBoundsException.class, () -> payload.get(offset));
                assertThrows(IndexOutOfBoundsException.class, () -> payload.getInt(offset));
                assertThrows(IndexOutOfBoundsException.class, () -> payload.getLong(offset));
                assertThrows(IndexOutOfBoundsException.class, () -> payload.slice(offset, 1));
              }
              assertThrows(IndexOutOfBoundsException.class, () -> payload.getInt(13));
              assertThrows(IllegalArgumentException.class, () -> payload.limit(17));
              assertThrows(IllegalArgumentException.class, () -> payload.position(17));
              ByteBuffer cleared = payload.duplicate().clear();
              assertEquals(16, cleared.remaining(), "clear() shows the message and no more");
            });
    RawClient client = connect(start(server().route("/", checks)));
    for (int run = 0; run < 10; run++) {
      client.write(Frame.binary(secret), Frame.binary(hostile), Frame.binary(secret));
      checks.awaitPassed();
      checks.awaitPassed();
      checks.awaitPassed();
    }
  }

  @Test
  void messageThrowsOnceItsHandlerHasReturned() throws Exception {
    List<Message> kept = new ArrayList<>();
    BlockingQueue<String> outcomes = new LinkedBlockingQueue<>();
    Handler handler =
        (connection, message) -> {
          kept.add(message);
          connection.execute(() -> outcomes.add(useAll(kept, connection)));
        };
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.text("kept"));
    assertEquals("7 of 7 throw", Deadline.take(outcomes, "the same thread, later"));
    assertThrows(IllegalStateException.class, () -> kept.get(0).payload());
  }

  private static String useAll(List<Message> kept, Connection connection) {
    int thrown = 0;
    for (Message message : kept) {
      for (Function<Message, ?> accessor : ACCESSORS) {
        thrown += throwsIllegalState(() -> accessor.apply(message));
      }
      thrown += throwsIllegalState(() -> connection.send(message));
    }
    return thrown + " of " + kept.size() * (ACCESSORS.size() + 1) + " throw";
  }

  private static int throwsIllegalState(Runnable use) {
    try {
      use.run();
      return 0;
    } catch (IllegalStateException expected) {
      return 1;
    }
  }

  @Test
  void messageThrowsOnAnotherThread() throws Exception {
    Checks checks =
        new Checks(
            (connection, message) -> {
              BlockingQueue<String> outcomes = new LinkedBlockingQueue<>();
              Task other =
                  Task.start("other", () -> outcomes.add(useAll(List.of(message), connection)));
              other.join();
              assertEquals("7 of 7 throw", outcomes.take());
              assertEquals("here it is valid", message.text());
            });
    RawClient client = connect(start(server().route("/", checks)));
    client.write(Frame.text("here it is valid"));
    checks.awaitPassed();
  }

  /** More messages in one turn than an engine keeps objects for. */
  @Test
  void everyMessageOfABurstIsItsOwn() throws Exception {
    int count = 3000;
    BlockingQueue<String> texts = new LinkedBlockingQueue<>();
    Handler handler = (connection, message) -> texts.add(message.text());
    RawClient client = connect(start(server().route("/", handler)));
    Frame[] frames = new Frame[count];
    for (int i = 0; i < count; i++) {
      frames[i] = Frame.text("message " + i);
    }
    client.write(frames);
    for (int i = 0; i < count; i++) {
      assertEquals("message " + i, Deadline.take(texts, "message " + i));
    }
  }

  @Test
  void textDecodesEveryKindOfCharacter() throws Exception {
    String all =
        "\u0000 \u007f \u0080 \u07ff \u0800 \ud7ff \ue000 \uffff \ud800\udc00 \udbff\udfff";
    BlockingQueue<String> texts = new LinkedBlockingQueue<>();
    Handler handler = (connection, message) -> texts.add(message.text());
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.text(all), Frame.text(""), Frame.binary(new byte[] {'a', (byte) 0xFF}));
    assertEquals(all, Deadline.take(texts, "text"));
    assertEquals("", Deadline.take(texts, "empty text"));
    assertEquals("a\ufffd", Deadline.take(texts, "binary as text"));
  }

  /** What is retained does not change while the receive memory is used again and again. */
  @ParameterizedTest
  @ValueSource(ints = {10, 3000, 200_000})
  void retainedBytesStayWhileMemoryIsReused(int length) throws Exception {
    BlockingQueue<Lease> leases = new LinkedBlockingQueue<>();
    Handler handler =
        (connection, message) -> {
          leases.add(message.retain());
          if (message.length() == length) {
            leases.add(message.retain());
          }
        };
    Server server = start(server().route("/", handler).route("/echo", ECHO));
    RawClient client = connect(server);
    byte[] bytes = Seed.bytes(Seed.random("retain " + length), length);
    client.write(Frame.binary(bytes));
    Lease first = Deadline.take(leases, "a lease");
    Lease second = Deadline.take(leases, "a second lease of the same message");
    RawClient noise = connect(server, "/echo");
    for (int i = 0; i < 50; i++) {
      byte[] other = Seed.bytes(Seed.random("noise " + i), length + i);
      noise.write(Frame.binary(other));
      noise.expectBinary(other);
    }
    first.close();
    byte[] read = new byte[length];
    second.buffer().duplicate().clear().get(read);
    assertArrayEquals(bytes, read);
    second.close();
  }
}
