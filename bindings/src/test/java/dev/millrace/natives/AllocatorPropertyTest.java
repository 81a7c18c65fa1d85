// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.MemoryArea;
import dev.millrace.MillraceException;
import dev.millrace.Server;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code -Dmillrace.allocator} chooses who places blocks. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class AllocatorPropertyTest {
  private static final int LENGTH = 1100;

  @AfterEach
  void forgetAllocator() {
    System.clearProperty("millrace.allocator");
  }

  private static Server start(Handler handler) throws MillraceException {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(1)
        .listen("ws://127.0.0.1:0")
        .route("/", handler)
        .start();
  }

  /** Bytes of the block in which a message of 1,100 is kept. */
  private static long bytesOfKeptMessage() throws Exception {
    BlockingQueue<Lease> kept = new LinkedBlockingQueue<>();
    try (Server server = start((connection, message) -> kept.add(message.retain()))) {
      URI address = server.addresses().get(0);
      WebSocket client =
          HttpClient.newHttpClient()
              .newWebSocketBuilder()
              .buildAsync(address, new WebSocket.Listener() {})
              .join();
      client.sendBinary(ByteBuffer.allocate(LENGTH), true).join();
      try (Lease lease = kept.poll(10, TimeUnit.SECONDS)) {
        assertThat(lease.length()).isEqualTo(LENGTH);
        long bytes = 0;
        // Told when the loop's next turn begins to wait.
        while (bytes == 0) {
          bytes = server.statistics().get(0).use(MemoryArea.BLOCKS);
          Thread.onSpinWait();
        }
        return bytes;
      } finally {
        client.abort();
      }
    }
  }

  @Test
  void sizeClassesAreTheDefault() throws Exception {
    assertThat(bytesOfKeptMessage()).isEqualTo(2048);
    System.setProperty("millrace.allocator", "blocks");
    assertThat(bytesOfKeptMessage()).isEqualTo(2048);
  }

  @Test
  void theGeneralAllocatorRoundsLess() throws Exception {
    System.setProperty("millrace.allocator", "general");
    assertThat(bytesOfKeptMessage()).isEqualTo(1280);
  }

  @Test
  void anUnknownOneIsNamed() {
    System.setProperty("millrace.allocator", "jemalloc");
    assertThatThrownBy(() -> start((connection, message) -> {}))
        .isInstanceOf(MillraceException.class)
        .hasMessageContaining("millrace.allocator=jemalloc")
        .hasMessageContaining("blocks or general");
  }
}
