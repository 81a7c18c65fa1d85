// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Engine;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The engine's file descriptors: none is inherited by a child process, none is left behind. */
@Timeout(60)
final class DescriptorTest {

  /** O_CLOEXEC of Linux. */
  private static final int CLOSE_ON_EXEC = 02000000;

  /** Sockets, epoll and eventfd descriptors of this process, with what each is. */
  private static Map<Integer, String> descriptors() throws IOException {
    Map<Integer, String> found = new TreeMap<>();
    try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
      for (Path link : (Iterable<Path>) links::iterator) {
        String target;
        try {
          target = Files.readSymbolicLink(link).toString();
        } catch (IOException goneMeanwhile) {
          continue; // the descriptor of this listing itself
        }
        if (target.startsWith("socket:") || target.startsWith("anon_inode:")) {
          found.put(Integer.parseInt(link.getFileName().toString()), target);
        }
      }
    }
    return found;
  }

  private static Server start() throws Exception {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(2)
        .listen("ws://127.0.0.1:0")
        .route("/", (connection, message) -> connection.send(message))
        .start();
  }

  private static void warmUp() throws Exception {
    try (Server server = start();
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      client.write(Frame.text("so that every class is loaded"));
      client.expectText("so that every class is loaded");
    }
  }

  @Test
  void loopsAndListenersAreClosedOnExec() throws Exception {
    warmUp();
    Map<Integer, String> before = descriptors();
    try (Server server = start()) {
      assertEquals(2, server.loops());
      Map<Integer, String> opened = descriptors();
      opened.entrySet().removeAll(before.entrySet());
      // At least the listener and a poller for each loop; wake descriptors of servers that ended
      // may go at any time, and their numbers come again.
      assertEquals(1, opened.values().stream().filter(d -> d.startsWith("socket:")).count());
      assertEquals(2, opened.values().stream().filter(d -> d.endsWith("[eventpoll]")).count());
      for (Map.Entry<Integer, String> entry : opened.entrySet()) {
        String info = Files.readString(Path.of("/proc/self/fdinfo/" + entry.getKey()));
        String flags = info.lines().filter(line -> line.startsWith("flags:")).findFirst().get();
        int value = Integer.parseInt(flags.substring(6).strip(), 8);
        assertTrue((value & CLOSE_ON_EXEC) != 0, entry + " is inherited: " + flags);
      }
    }
  }

  @Test
  void nothingIsLeftWhenAServerEnds() throws Exception {
    warmUp();
    Map<Integer, String> before = descriptors();
    serveAll();
    Deadline.until(() -> leftBehind(before).isEmpty(), "every descriptor of the server to go");
  }

  /** A server of its own, which nothing refers to when this returns. */
  private static void serveAll() throws Exception {
    Server server = start();
    URI address = server.addresses().get(0);
    for (int i = 0; i < 100; i++) {
      RawClient client = i % 3 == 0 ? RawClient.open(address) : RawClient.connect(address, "/");
      if (i % 2 == 0) {
        client.write(Frame.text("cut short").header());
      }
      if (i % 4 == 1) {
        client.reset();
      } else {
        client.close();
      }
    }
    RawClient last = RawClient.connect(address, "/");
    server.shutdown(Duration.ofMillis(100));
    last.close();
  }

  /**
   * Descriptors that are there now and were not before. A wake descriptor lives as long as its
   * loop's mappings, which go when nothing refers to them: that takes a collection.
   */
  private static Map<Integer, String> leftBehind(Map<Integer, String> before) {
    try {
      System.gc();
      Map<Integer, String> left = descriptors();
      left.entrySet().removeAll(before.entrySet());
      return left;
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }
}
