// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.suite.Seed;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Stands between a peer and a server and passes bytes on in pieces of random lengths. */
final class CuttingProxy implements AutoCloseable {

  private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
  private final URI target;
  private final Queue<Closeable> sockets = new ConcurrentLinkedQueue<>();

  CuttingProxy(URI target) throws IOException {
    this.target = target;
    start("accept", this::accept);
  }

  URI address() {
    return URI.create("ws://127.0.0.1:" + listener.getLocalPort());
  }

  private void accept() throws IOException {
    for (int number = 0; ; number++) {
      Socket peer = remember(listener.accept());
      Socket server = remember(new Socket(target.getHost(), target.getPort()));
      Random toServer = Seed.random("to server " + number);
      Random toPeer = Seed.random("to peer " + number);
      start("to server", () -> pass(peer, server, toServer));
      start("to peer", () -> pass(server, peer, toPeer));
    }
  }

  private Socket remember(Socket socket) throws SocketException {
    socket.setTcpNoDelay(true);
    sockets.add(socket);
    return socket;
  }

  /** Small pieces at first, where headers and short messages are, then of every magnitude. */
  private static void pass(Socket from, Socket to, Random random) throws IOException {
    byte[] buffer = new byte[1 << 17];
    InputStream in = from.getInputStream();
    OutputStream out = to.getOutputStream();
    long passed = 0;
    int read;
    while ((read = in.read(buffer, 0, pieceLength(random, passed))) >= 0) {
      out.write(buffer, 0, read);
      passed += read;
    }
    to.shutdownOutput();
  }

  private static int pieceLength(Random random, long passed) {
    return 1 + random.nextInt(1 << random.nextInt(passed < 20_000 ? 6 : 17));
  }

  private interface Body {
    void run() throws IOException;
  }

  private static void start(String name, Body body) {
    Thread thread =
        new Thread(
            () -> {
              try {
                body.run();
              } catch (IOException ended) {
                // One side has left or the test is over; what that means is for the peers to say.
              }
            },
            "cutting-proxy " + name);
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Closeable socket : sockets) {
      socket.close();
    }
  }
}
