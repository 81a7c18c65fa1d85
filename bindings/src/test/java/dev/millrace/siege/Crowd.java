// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.locks.LockSupport;

/**
 * The hostile peers, in a process of their own. It is told on its standard input {@code begin
 * ATTACK CONNECTIONS RATE} and answers when all are connected; {@code end} lets all of them go and
 * answers what they did. A rate of 0 is as fast as it goes. It ends with its input.
 */
final class Crowd {
  /** At once under way: less than any listener's queue. */
  private static final int OPENING = 64;

  private static final int PER_ADDRESS = 10_000;

  /** Enough for a socket that works, and too little for a feed. */
  private static final int BUFFER_BYTES = 16 << 10;

  /** A peer that is closed comes again, so many a second, so that connecting is not the attack. */
  private static final int RETURNS_PER_SECOND = 50;

  private static final long TICK_NANOS = 200_000;

  private final Attack attack;
  private final int port;
  private final int rate;
  private final List<Peer> peers = new ArrayList<>();
  private final Queue<Peer> opening = new ArrayDeque<>();
  private final ByteBuffer head = ByteBuffer.allocate(512);
  private long chunks;
  private long returned;
  private int next;

  private volatile boolean isOver;

  /** One socket, and what it has not yet written. */
  private static final class Peer {
    final int number;
    SocketChannel channel;
    ByteBuffer rest = ByteBuffer.allocate(0);

    Peer(int number) {
      this.number = number;
    }
  }

  private Crowd(Attack attack, int port, int rate) {
    this.attack = attack;
    this.port = port;
    this.rate = rate;
  }

  private void connect(Peer peer) throws IOException {
    String address = "127.0." + peer.number / PER_ADDRESS + ".1";
    peer.channel = SocketChannel.open();
    peer.channel.setOption(StandardSocketOptions.SO_RCVBUF, BUFFER_BYTES);
    peer.channel.setOption(StandardSocketOptions.SO_SNDBUF, BUFFER_BYTES);
    peer.channel.connect(new InetSocketAddress(address, port));
    peer.channel.configureBlocking(false);
    peer.rest = ByteBuffer.wrap(attack.request(peer.number));
    peer.channel.write(peer.rest);
    if (attack.shakesHands()) {
      opening.add(peer);
    }
  }

  private void open(int connections) throws IOException {
    for (int i = 0; i < connections; i++) {
      Peer peer = new Peer(i);
      peers.add(peer);
      connect(peer);
      while (opening.size() >= OPENING) {
        awaitAccepted();
      }
    }
    while (!opening.isEmpty()) {
      awaitAccepted();
    }
  }

  /** Looks once at each of those under way; a first byte is enough of a response. */
  private void awaitAccepted() throws IOException {
    boolean isIdle = true;
    for (int i = opening.size(); i > 0; i--) {
      Peer peer = opening.remove();
      int length;
      try {
        length = peer.channel.read(head.clear().limit(12));
      } catch (IOException reset) {
        length = -1;
      }
      if (length == 0) {
        opening.add(peer);
      } else {
        isIdle = false;
      }
    }
    if (isIdle) {
      LockSupport.parkNanos(TICK_NANOS / 4);
    }
  }

  private void run() throws IOException {
    long start = System.nanoTime();
    byte[] chunk = attack.chunk();
    while (!isOver) {
      long elapsed = System.nanoTime() - start;
      if (chunk.length > 0) {
        long due = rate == 0 ? peers.size() : elapsed / 1000 * rate / 1_000_000 - chunks;
        boolean wrote = false;
        // Each is tried once: of those that are full none is waited for.
        for (int tried = 0; tried < peers.size() && due > 0; tried++) {
          next = (next + 1) % peers.size();
          if (attack.writes(next) && write(peers.get(next), chunk, elapsed)) {
            chunks++;
            due--;
            wrote = true;
          }
        }
        if (wrote && rate == 0) {
          continue;
        }
      }
      LockSupport.parkNanos(TICK_NANOS);
    }
  }

  private boolean write(Peer peer, byte[] chunk, long elapsedNanos) throws IOException {
    try {
      if (peer.rest.hasRemaining()) {
        peer.channel.write(peer.rest);
        return false;
      }
      peer.rest = ByteBuffer.wrap(chunk);
      return peer.channel.write(peer.rest) > 0;
    } catch (IOException closed) {
      peer.channel.close();
      if (returned * 1_000_000_000L / RETURNS_PER_SECOND < elapsedNanos) {
        returned++;
        try {
          connect(peer);
          opening.clear();
        } catch (IOException refused) {
          peer.rest = ByteBuffer.allocate(0); // it tries again when its turn comes
        }
      }
      return false;
    }
  }

  private void leave() throws IOException {
    for (Peer peer : peers) {
      peer.channel.close();
    }
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
    for (String order = orders.readLine(); order != null; order = orders.readLine()) {
      String[] words = order.split(" ");
      Crowd crowd = new Crowd(Attack.of(words[1]), port, Integer.parseInt(words[3]));
      crowd.open(Integer.parseInt(words[2]));
      Thread thread = new Thread(() -> runUntilOver(crowd), "crowd");
      thread.start();
      System.out.println("begun");
      String end = orders.readLine();
      crowd.isOver = true;
      thread.join();
      crowd.leave();
      if (end != null) {
        System.out.println(crowd.chunks + " " + crowd.returned);
      }
    }
  }

  private static void runUntilOver(Crowd crowd) {
    try {
      crowd.run();
    } catch (IOException e) {
      e.printStackTrace();
      System.exit(1);
    }
  }
}
