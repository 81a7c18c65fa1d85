// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import dev.millrace.CloseReason;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/**
 * The server under siege, in a process of its own. It prints its port, answers every line of its
 * standard input with its statistics, and ends with its input.
 */
final class SiegeServer {
  private static final Duration BEAT = Duration.ofMillis(400);
  private static final int BEATS_PER_SECOND = 2_000;
  private static final int FEED_PER_SECOND = 2_000;
  private static final int MESSAGE_BYTES = 16 << 10;
  private static final int SMALL_FEED_PER_SECOND = 20_000;
  private static final int SMALL_MESSAGE_BYTES = 512;
  private static final int HANDLER_THREADS = 4;
  private static final long HANDLER_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final Map<Integer, LongAdder> closes = new ConcurrentSkipListMap<>();
  private final Map<SendResult, LongAdder> sends = new EnumMap<>(SendResult.class);
  private final LongAdder given = new LongAdder();

  private SiegeServer() {
    for (SendResult result : SendResult.values()) {
      sends.put(result, new LongAdder());
    }
  }

  private class Counting implements Handler {
    @Override
    public void onMessage(Connection connection, Message message) {
      count(connection.send(message));
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      given.add(connection.droppedMessages());
      closes.computeIfAbsent(reason.code(), code -> new LongAdder()).increment();
    }
  }

  private void count(SendResult result) {
    sends.get(result).increment();
  }

  /** An echo that compresses nothing: what it answers waits as it is. */
  private final class Plain extends Counting {
    private final SendOptions options = SendOptions.defaults().withCompress(false);

    @Override
    public void onMessage(Connection connection, Message message) {
      count(connection.send(message, options));
    }
  }

  private final class Slow extends Counting {
    @Override
    public void onMessage(Connection connection, Message message) {
      LockSupport.parkNanos(HANDLER_NANOS);
    }
  }

  /** Sends from a thread of its own, to each in turn, whatever they take. */
  private final class Feed extends Counting implements Runnable {
    private final Set<Connection> subscribers = ConcurrentHashMap.newKeySet();
    private final ByteBuffer message;
    private final int perSecond;

    Feed(int messageBytes, int perSecond) {
      message = ByteBuffer.allocateDirect(messageBytes);
      this.perSecond = perSecond;
    }

    Feed started() {
      Thread thread = new Thread(this, "feed");
      thread.setDaemon(true);
      thread.start();
      return this;
    }

    @Override
    public void onOpen(Connection connection) {
      subscribers.add(connection);
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      subscribers.remove(connection);
      super.onClose(connection, reason);
    }

    @Override
    public void run() {
      int perBeat = Math.max(1, perSecond / BEATS_PER_SECOND);
      int sent = 0;
      while (true) {
        for (Connection subscriber : subscribers) {
          count(subscriber.send(message));
          if (++sent % perBeat == 0) {
            LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1) / BEATS_PER_SECOND);
          }
        }
        if (subscribers.isEmpty()) {
          LockSupport.parkNanos(BEAT.toNanos());
        }
      }
    }
  }

  /** Sends on its loop, at a beat of its own, whatever its peer takes. */
  private final class ByPolicy extends Counting {
    private final SendOptions options;
    private final ByteBuffer message = ByteBuffer.allocateDirect(MESSAGE_BYTES);

    ByPolicy(SendOptions options) {
      this.options = options;
    }

    @Override
    public void onOpen(Connection connection) {
      // Those that came together do not beat together: the attack is by the queues, not by a burst.
      long phase = ThreadLocalRandom.current().nextLong(BEAT.toNanos());
      connection.schedule(() -> beat(connection), BEAT.plusNanos(phase));
    }

    private void beat(Connection connection) {
      if (connection.isOpen()) {
        count(connection.send(message, options));
        connection.schedule(() -> beat(connection), BEAT);
      }
    }
  }

  private Server start(Engine engine, int loops, long ceiling) throws Exception {
    Limits limits =
        Limits.defaults()
            .withMaxMessageBytes(Siege.MAX_MESSAGE_BYTES)
            .withMaxFragments(Siege.MAX_FRAGMENTS)
            .withHighWaterMarkBytes(Siege.MARK_BYTES)
            .withMaxMemoryBytes(ceiling)
            .withHandshakeTimeout(Duration.ofSeconds(1))
            .withCloseTimeout(Duration.ofSeconds(1));
    Server.Builder server =
        Server.builder()
            .engine(engine)
            .loops(loops)
            .limits(limits)
            .compression(Compression.enabled().withMemoryBudgetBytes(Siege.COMPRESSION_BYTES))
            .socketOptions(SocketOptions.defaults().withSendBufferBytes(Siege.SOCKET_BYTES))
            .listen("ws://0.0.0.0:0")
            .route("/echo", new Counting())
            .route("/plain", new Plain())
            .route("/feed", new Feed(MESSAGE_BYTES, FEED_PER_SECOND).started())
            .route("/small-feed", new Feed(SMALL_MESSAGE_BYTES, SMALL_FEED_PER_SECOND).started())
            .route(
                "/slow",
                new Slow(),
                HandlerExecutor.of(Executors.newFixedThreadPool(HANDLER_THREADS)));
    for (SendOptions.Policy policy : SendOptions.Policy.values()) {
      SendOptions options = SendOptions.defaults().withPolicy(policy);
      server.route("/policy/" + policy.name().toLowerCase(Locale.ROOT), new ByPolicy(options));
    }
    SendOptions byKey = SendOptions.defaults().withReplacementKey("symbol");
    return server.route("/policy/key", new ByPolicy(byKey)).start();
  }

  /** {@code name=value}, with spaces between. */
  private String describe(Server server) {
    long connections = 0;
    long blocks = 0;
    long blockBytes = 0;
    long kept = 0;
    long spills = 0;
    long compression = 0;
    for (LoopStatistics loop : server.statistics()) {
      connections += loop.connections();
      blocks += loop.blocksInUse();
      blockBytes += loop.use(MemoryArea.BLOCKS);
      kept += loop.blockBytesKept();
      spills += loop.spills(MemoryArea.BLOCKS);
      compression += loop.use(MemoryArea.COMPRESSION);
    }
    LoopStatistics first = server.statistics().get(0);
    String codes =
        closes.entrySet().stream()
            .map(entry -> entry.getKey() + ":" + entry.getValue())
            .collect(Collectors.joining(","));
    return "connections=%d blocks=%d blockBytes=%d kept=%d spills=%d compression=%d shared=%d sharedHighWater=%d accepted=%s refused=%s dropped=%s given=%s closes=%s"
        .formatted(
            connections,
            blocks,
            blockBytes,
            kept,
            spills,
            compression,
            first.use(MemoryArea.SHARED),
            first.highWater(MemoryArea.SHARED),
            sends.get(SendResult.ACCEPTED),
            sends.get(SendResult.REFUSED),
            sends.get(SendResult.DROPPED),
            given,
            codes);
  }

  public static void main(String[] arguments) throws Exception {
    SiegeServer siege = new SiegeServer();
    Engine engine = Engine.valueOf(arguments[0]);
    try (Server server =
        siege.start(engine, Integer.parseInt(arguments[1]), Long.parseLong(arguments[2]))) {
      System.out.println(server.addresses().get(0).getPort());
      BufferedReader questions = new BufferedReader(new InputStreamReader(System.in));
      while (questions.readLine() != null) {
        System.out.println(siege.describe(server));
      }
    }
    System.exit(0);
  }
}
