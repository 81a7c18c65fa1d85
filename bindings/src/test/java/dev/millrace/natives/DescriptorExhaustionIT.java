// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.suite.fault.LoopCpu;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * EMFILE in a JVM that has served nobody yet: reliability row "EMFILE" (bun PR32705, libuv#690).
 * Loading a class or logging may need a descriptor then, and there is none.
 */
class DescriptorExhaustionIT {
  private static final int LIMIT = 64;
  private static final int PEERS = 150;
  private static final byte[] UPGRADE =
      ("GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
          .getBytes(StandardCharsets.US_ASCII);
  private static final byte[] MASKED_HI = {(byte) 0x81, (byte) 0x82, 0, 0, 0, 0, 'h', 'i'};
  private static final byte[] BAD_UTF8 = {(byte) 0x81, (byte) 0x81, 0, 0, 0, 0, (byte) 0xFF};

  @Test
  @Timeout(120)
  void aColdServerOutlivesIt(@TempDir Path folder) throws Exception {
    try (QuickstartProcess server =
        QuickstartProcess.start(folder, "prlimit", "--nofile=" + LIMIT + ":" + LIMIT)) {
      List<Socket> peers = new ArrayList<>();
      int answered = 0;
      for (int i = 0; i < PEERS; i++) {
        Socket peer = upgrade(server.port());
        peers.add(peer);
        answered += isAnswered(peer, 300) ? 1 : 0;
        if (answered < i - 3) {
          break; // the table is full: the others would only wait as well
        }
      }
      assertThat(answered).isBetween(5, LIMIT);
      // What was opened is served, a broken rule included.
      assertThat(echoes(peers.get(0))).isEqualTo("hi");
      peers.get(1).getOutputStream().write(BAD_UTF8);
      assertThat(peers.get(1).getInputStream().readNBytes(2)).startsWith((byte) 0x88);
      assertThat(server.isAlive()).isTrue();
      assertThat(LoopCpu.perMille(server.pid(), Duration.ofSeconds(2))).isLessThan(20);
      // Each that goes lets another in, who has waited.
      List<Long> millis = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        long start = System.nanoTime();
        peers.get(2 + i).close();
        assertThat(isAnswered(peers.get(answered + i), 10_000)).isTrue();
        millis.add((System.nanoTime() - start) / 1_000_000);
      }
      Collections.sort(millis);
      assertThat(millis.get(1)).as("median of %s", millis).isLessThanOrEqualTo(100);
      // And once all descriptors are free, it accepts again.
      for (Socket peer : peers) {
        peer.close();
      }
      try (Socket late = upgrade(server.port())) {
        assertThat(isAnswered(late, 10_000)).isTrue();
        assertThat(echoes(late)).isEqualTo("hi");
      }
    }
  }

  private static Socket upgrade(int port) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.getOutputStream().write(UPGRADE);
    return socket;
  }

  /** Reads the head of the answer; false when none comes in time. */
  private static boolean isAnswered(Socket peer, int millis) throws IOException {
    peer.setSoTimeout(millis);
    StringBuilder head = new StringBuilder();
    try {
      while (head.indexOf("\r\n\r\n") < 0) {
        int next = peer.getInputStream().read();
        assertThat(next).as("cut after: %s", head).isNotNegative();
        head.append((char) next);
      }
    } catch (SocketTimeoutException e) {
      return false;
    }
    assertThat(head.toString()).startsWith("HTTP/1.1 101 ");
    return true;
  }

  private static String echoes(Socket peer) throws IOException {
    peer.setSoTimeout(10_000);
    peer.getOutputStream().write(MASKED_HI);
    byte[] frame = peer.getInputStream().readNBytes(4);
    return new String(frame, 2, 2, StandardCharsets.US_ASCII);
  }
}
