// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Server;
import dev.millrace.internal.protocol.MessageDeflater;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.DeflateClient;
import dev.millrace.suite.DeflateSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NioDeflateTest extends DeflateSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  private static MessageDeflater deflaterOf(Connection connection) throws Exception {
    CompletableFuture<MessageDeflater> deflater = new CompletableFuture<>();
    connection.execute(
        () -> deflater.complete(((NioConnection) connection).stream().deflation().deflater()));
    return Deadline.await(deflater, "the deflater");
  }

  private static void use(MessageDeflater deflater) {
    deflater.begin(ByteBuffer.allocate(8), 0, 8, 15, false);
    deflater.abandon();
  }

  /** Not by the garbage collector, which does not see how much it is. */
  @Test
  void aDeflaterEndsWithItsConnectionAndTheSharedOneWithItsLoop() throws Exception {
    Recorder recorder = new Recorder();
    Compression compression = Compression.enabled().withContextTakeover(true);
    try (Server server = server().route("/", recorder).compression(compression).start()) {
      String name = "permessage-deflate";
      DeflateClient one = closeLater(DeflateClient.connect(address(server), "/", name));
      MessageDeflater own = deflaterOf(recorder.awaitOpen());
      closeLater(
          DeflateClient.connect(address(server), "/", name + "; server_no_context_takeover"));
      MessageDeflater shared = deflaterOf(recorder.awaitOpen());
      assertThat(own).isNotSameAs(shared);
      use(own);
      one.raw().reset();
      recorder.awaitClose();
      assertThatThrownBy(() -> use(own)).hasMessageContaining("closed");
      server.shutdown(Duration.ZERO);
      assertThatThrownBy(() -> use(shared)).hasMessageContaining("closed");
    }
  }

  /** Where a message ends the turn of those who compress, and many of them come in one receive. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whoFloodsWhatInflatesTakesTurnsWithOthers(boolean othersCompress) throws Exception {
    int count = 12;
    List<Integer> order = new CopyOnWriteArrayList<>();
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch allAreThere = new CountDownLatch(1);
    Handler handler =
        (connection, message) -> {
          byte[] bytes = message.toByteArray();
          byte[] expected = new byte[bytes.length];
          Arrays.fill(expected, bytes[0]);
          order.add(Arrays.equals(expected, bytes) ? (int) bytes[0] : -1);
          entered.countDown();
          Deadline.await(allAreThere, "what the others send");
        };
    Server server = start(server().loops(1).route("/", handler).compression(Compression.enabled()));
    DeflateClient first = deflating(server);
    DeflateClient second = deflating(server);
    DeflateClient other = deflating(server);
    RawClient plain = connect(server, "/");
    first.raw().write(flood(first, 0, count));
    Deadline.await(entered, "the first message");
    second.raw().write(flood(second, count, count));
    if (othersCompress) {
      other.send(Frame.BINARY, new byte[] {100});
    } else {
      plain.write(Frame.binary(new byte[] {100}));
    }
    allAreThere.countDown();
    first.raw().expectPongs("behind");
    assertThat(order).filteredOn(number -> number < count).isEqualTo(range(0, count));
    second.raw().expectPongs("behind");
    assertThat(order)
        .filteredOn(number -> number >= count && number < 100)
        .isEqualTo(range(count, 2 * count));
    assertThat(order.subList(0, count / 2)).contains(100, count);
    assertThat(order.indexOf(count - 1)).isGreaterThan(count);
  }

  private DeflateClient deflating(Server server) throws Exception {
    return closeLater(DeflateClient.connect(address(server), "/", "permessage-deflate"));
  }

  /** Messages of 400,000 times their number, and a ping behind them. */
  private static byte[] flood(DeflateClient client, int number, int count) {
    List<Frame> frames = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] message = new byte[400_000];
      Arrays.fill(message, (byte) (number + i));
      frames.add(Frame.of(Frame.BINARY, client.compress(message)).withReservedBits(4));
    }
    frames.add(Frame.ping("behind"));
    return RawClient.bytesOf(frames.toArray(Frame[]::new));
  }

  private static List<Integer> range(int from, int to) {
    return IntStream.range(from, to).boxed().toList();
  }
}
