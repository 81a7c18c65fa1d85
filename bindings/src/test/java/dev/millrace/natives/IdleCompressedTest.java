// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.MemoryArea;
import dev.millrace.MillraceException;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What connections keep for compression when each has exchanged a message and is idle: with context
 * takeover at most the server's budget, whatever their number. What the engine holds is read from
 * the system besides, because zlib's memory in the Java engine is on no heap.
 */
class IdleCompressedTest {
  private static final int FEW = 100;
  private static final int MANY = 3_000;
  private static final long BUDGET = 8 << 20;
  private static final int LOOPS = 2;

  /** What a loop of the native engine has for all connections without windows of their own. */
  private static final long LOOP_BYTES = 512 << 10;

  // How the budget is reckoned, for windows of 32 KiB and memory level 8.
  private static final long COMPRESSOR = (1 << 17) + (1 << 17) + (8 << 10);
  private static final long DECOMPRESSOR = (1 << 15) + (8 << 10);

  /** Pages of the heap come and go. The windows of all would be 400 MiB and more. */
  private static final long OTHER_GROWTH = 128 << 20;

  @ParameterizedTest
  @EnumSource(names = {"NATIVE", "JAVA"})
  @Timeout(60)
  void keepNoMoreThanTheBudget(Engine engine) throws Exception {
    try (Server server = start(engine)) {
      int port = server.addresses().get(0).getPort();
      try (IdleClients clients = IdleClients.compressing(port)) {
        clients.open(FEW);
        IdleConnectionsTest.awaitOpen(server, FEW);
        int compressors = clients.compressors();
        int decompressors = clients.decompressors();
        long windows = compressors * COMPRESSOR + decompressors * DECOMPRESSOR;
        assertThat(windows).isBetween(BUDGET / 2, BUDGET);
        long residentOfFew = residentBytes();
        long compressionOfFew = compressionBytes(server);
        long nativeOfFew = IdleConnectionsTest.nativeBytes(server.statistics());

        clients.open(MANY);
        IdleConnectionsTest.awaitOpen(server, MANY);
        assertThat(clients.compressors()).isEqualTo(compressors);
        assertThat(clients.decompressors()).isEqualTo(decompressors);
        long resident = residentBytes() - residentOfFew;
        long nativeBytes = IdleConnectionsTest.nativeBytes(server.statistics()) - nativeOfFew;
        System.out.printf(
            "%s: %d of %d connections keep a compressor, %d a decompressor: %d bytes of %d;"
                + " %d more connections grew the process by %d KiB%n",
            engine, compressors, MANY, decompressors, windows, BUDGET, MANY - FEW, resident >> 10);
        assertThat(nativeBytes)
            .isLessThanOrEqualTo((MANY - FEW) * (long) IdleConnectionsTest.MAX_NATIVE_BYTES);
        assertThat(resident).isLessThan(OTHER_GROWTH);
        assertThat(compressionBytes(server))
            .isEqualTo(compressionOfFew)
            .isLessThanOrEqualTo(BUDGET + LOOPS * LOOP_BYTES);
      }
      Deadline.until(() -> server.connectionCount() == 0, "all to leave");
      // What they had is there for others.
      try (IdleClients clients = IdleClients.compressing(port)) {
        clients.open(1);
        assertThat(clients.compressors()).isOne();
        assertThat(clients.decompressors()).isOne();
      }
    }
  }

  private static Server start(Engine engine) throws MillraceException {
    return Server.builder()
        .engine(engine)
        .loops(LOOPS)
        .compression(Compression.enabled().withContextTakeover(true).withMemoryBudgetBytes(BUDGET))
        .listen("ws://0.0.0.0:0")
        .route("/", (connection, message) -> connection.send(message))
        .start();
  }

  /** What the area tells; nothing on the Java engine. */
  private static long compressionBytes(Server server) {
    return server.statistics().stream().mapToLong(s -> s.use(MemoryArea.COMPRESSION)).sum();
  }

  /** This process's memory that is no file. */
  private static long residentBytes() throws IOException {
    System.gc();
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("RssAnon:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .findFirst()
        .orElseThrow();
  }
}
