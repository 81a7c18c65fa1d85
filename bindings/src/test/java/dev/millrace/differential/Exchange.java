// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import dev.millrace.differential.Outcome.End;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Carries scripts to every target and brings back what came of them.
 *
 * <p>Each script has a connection of its own to each target. All of a batch are open at once and
 * are written a piece at a time, round and round; then the client's side is closed, which ends
 * every connection that its stream has not ended, and all is read to the end. So nothing waits for
 * time to pass, and a server reads the pieces apart when it keeps up.
 */
final class Exchange implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 10_000;

  private final List<? extends Target> targets;
  private final ScheduledExecutorService clock =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "differential-patience");
            thread.setDaemon(true);
            return thread;
          });
  private final ByteBuffer in = ByteBuffer.allocateDirect(256 << 10);
  private ByteBuffer out = ByteBuffer.allocateDirect(64 << 10);

  Exchange(List<? extends Target> targets) {
    this.targets = targets;
  }

  /** One connection of a batch. */
  private static final class Peer {
    private final SocketChannel channel;
    private final Script script;
    private final Bytes received = new Bytes();
    private boolean isGone;
    private End end = End.NONE;

    Peer(Target target, Script script) throws IOException {
      this.script = script;
      channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      channel.connect(target.address());
    }

    private void close() {
      try {
        channel.close();
      } catch (IOException alreadyBroken) {
        // It was to be closed.
      }
    }
  }

  /**
   * What came of a batch: for each target the outcome of each script, and the logs in any order.
   */
  record Answers(List<List<Outcome>> outcomes, List<List<byte[]>> logs) {}

  Answers run(List<Script> batch) throws IOException {
    return run(batch, false);
  }

  /**
   * Runs a batch.
   *
   * @param isPaced whether each piece is read by the server before the next one is written
   */
  Answers run(List<Script> batch, boolean isPaced) throws IOException {
    List<List<Peer>> peers = new ArrayList<>();
    for (Target target : targets) {
      List<Peer> opened = new ArrayList<>(batch.size());
      for (Script script : batch) {
        opened.add(new Peer(target, script));
      }
      peers.add(opened);
    }
    ScheduledFuture<?> patience =
        clock.schedule(
            () -> peers.forEach(all -> all.forEach(Peer::close)),
            PATIENCE_MILLIS,
            TimeUnit.MILLISECONDS);
    try {
      write(batch, peers, isPaced);
      for (List<Peer> all : peers) {
        for (Peer peer : all) {
          readAll(peer);
        }
      }
      return answers(peers, patience);
    } finally {
      patience.cancel(false);
      peers.forEach(all -> all.forEach(Peer::close));
    }
  }

  private void write(List<Script> batch, List<List<Peer>> peers, boolean isPaced)
      throws IOException {
    int rounds = batch.stream().mapToInt(Script::pieces).max().orElse(0);
    for (int round = 0; round < rounds; round++) {
      for (int index = 0; index < batch.size(); index++) {
        Script script = batch.get(index);
        if (round >= script.pieces()) {
          continue;
        }
        fill(script, round);
        for (int t = 0; t < targets.size(); t++) {
          long before = isPaced ? targets.get(t).bytesReceived() : -1;
          out.rewind();
          int count = out.remaining();
          write(peers.get(t).get(index), round == script.pieces() - 1);
          if (before >= 0) {
            awaitRead(targets.get(t), before + count);
          }
        }
      }
    }
  }

  /** A server that has seen enough reads no more, so this does not wait for ever. */
  private static void awaitRead(Target target, long bytes) {
    long start = System.nanoTime();
    while (target.bytesReceived() < bytes && System.nanoTime() - start < 3_000_000) {
      LockSupport.parkNanos(20_000);
    }
  }

  private void fill(Script script, int piece) {
    int from = script.start(piece);
    int length = script.end(piece) - from;
    if (out.capacity() < length) {
      out = ByteBuffer.allocateDirect(2 * length);
    }
    out.clear().put(script.bytes(), from, length).flip();
  }

  private void write(Peer peer, boolean isLast) throws IOException {
    if (peer.isGone) {
      return;
    }
    try {
      while (out.hasRemaining()) {
        peer.channel.write(out);
      }
      if (isLast) {
        peer.channel.shutdownOutput();
      }
    } catch (ClosedChannelException impatient) {
      peer.isGone = true;
    } catch (IOException gone) {
      peer.isGone = true; // the server has ended it; what it said is still to be read
    }
  }

  private void readAll(Peer peer) {
    try {
      while (true) {
        in.clear();
        int count = peer.channel.read(in);
        if (count < 0) {
          peer.end = End.FIN;
          return;
        }
        byte[] bytes = new byte[count];
        in.flip().get(bytes);
        peer.received.put(bytes);
      }
    } catch (AsynchronousCloseException impatient) {
      peer.end = End.NONE;
    } catch (ClosedChannelException impatient) {
      peer.end = End.NONE;
    } catch (IOException reset) {
      peer.end = End.RST;
    }
  }

  private Answers answers(List<List<Peer>> peers, ScheduledFuture<?> patience) {
    List<List<Outcome>> outcomes = new ArrayList<>();
    List<List<byte[]>> logs = new ArrayList<>();
    for (int t = 0; t < targets.size(); t++) {
      Target target = targets.get(t);
      List<Outcome> seen = new ArrayList<>();
      int accepted = 0;
      for (Peer peer : peers.get(t)) {
        Outcome outcome = new Outcome(peer.received.toArray(), peer.end, null);
        accepted += outcome.isAccepted() ? 1 : 0;
        seen.add(outcome);
      }
      List<byte[]> told = new ArrayList<>();
      while (target.tellsEvents() && told.size() < accepted && !patience.isDone()) {
        byte[] log = target.nextLog();
        if (log != null) {
          told.add(log);
        } else {
          LockSupport.parkNanos(20_000);
        }
      }
      told.sort(Arrays::compare);
      if (peers.get(t).size() == 1 && told.size() == 1) {
        Outcome only = seen.get(0);
        seen.set(0, new Outcome(only.wire(), only.end(), told.get(0)));
      }
      outcomes.add(seen);
      logs.add(told);
    }
    return new Answers(outcomes, logs);
  }

  /** Forgets what came late of a batch that failed. */
  void forget() {
    for (Target target : targets) {
      while (target.nextLog() != null) {
        // It is of no use any more.
      }
    }
  }

  @Override
  public void close() {
    clock.shutdownNow();
  }
}
