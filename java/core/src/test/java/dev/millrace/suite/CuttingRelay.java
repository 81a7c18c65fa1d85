// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** Hands bytes on between a client and a server, and cuts the connection behind so many of them. */
final class CuttingRelay implements AutoCloseable {

  /** How long the next connection lives, and how it ends. */
  private record Cut(int bytes, boolean reset) {}

  private final URI server;
  private final ServerSocket listener;
  private final BlockingQueue<Cut> cuts = new LinkedBlockingQueue<>();
  private final BlockingQueue<Cut> done = new LinkedBlockingQueue<>();

  CuttingRelay(URI server) throws IOException {
    this.server = server;
    this.listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
    start("relay", this::serve);
  }

  int port() {
    return listener.getLocalPort();
  }

  /** The next connection is cut behind so many bytes from the server; returns when it was. */
  void awaitAndCut(int bytes, boolean reset) throws InterruptedException {
    cuts.add(new Cut(bytes, reset));
    Deadline.take(done, "a cut connection");
  }

  /** The next connection lives. */
  void letLive() {
    cuts.add(new Cut(Integer.MAX_VALUE, false));
  }

  private interface Task {
    void run() throws Exception;
  }

  private static void start(String name, Task task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (Exception ended) {
                // A cut connection ends its threads with whatever they were at.
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
  }

  private void serve() throws Exception {
    while (true) {
      Socket client = listener.accept();
      Cut cut = cuts.take();
      try (client;
          Socket upstream = new Socket(server.getHost(), server.getPort())) {
        start("relay-up", () -> client.getInputStream().transferTo(upstream.getOutputStream()));
        relay(upstream.getInputStream(), client.getOutputStream(), cut.bytes);
        if (cut.reset) {
          client.setSoLinger(true, 0);
        }
      } catch (IOException ended) {
        // By one of the two, which is a cut as well.
      }
      done.add(cut);
    }
  }

  private static void relay(InputStream from, OutputStream to, int bytes) throws IOException {
    byte[] buffer = new byte[8192];
    int left = bytes;
    while (left > 0) {
      int count = from.read(buffer, 0, Math.min(left, buffer.length));
      if (count < 0) {
        return;
      }
      to.write(buffer, 0, count);
      left -= count;
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }
}
