// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Server;
import dev.millrace.internal.protocol.MessageDeflater;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.DeflateClient;
import dev.millrace.suite.DeflateSuite;
import dev.millrace.suite.Recorder;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

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
}
