// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.Message;
import dev.millrace.MillraceException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import dev.millrace.UpgradeRequest;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** An echo server on one engine that writes down what its handlers are told. */
final class ServedEngine implements Target {
  /** Small, so that limits are met often. */
  static final int MAX_MESSAGE = 70_000;

  static final int MAX_FRAGMENTS = 12;
  static final int MAX_HEADER = 2048;
  static final int MAX_REQUEST_LINE = 256;

  static final Limits LIMITS =
      Limits.defaults()
          .withMaxMessageBytes(MAX_MESSAGE)
          .withMaxFragments(MAX_FRAGMENTS)
          .withMaxHeaderBytes(MAX_HEADER)
          .withMaxRequestLineBytes(MAX_REQUEST_LINE)
          // Time decides nothing here.
          .withHandshakeTimeout(Duration.ofHours(1))
          .withCloseTimeout(Duration.ofHours(1))
          .withPingInterval(Duration.ZERO);

  private final ConcurrentLinkedQueue<byte[]> logs = new ConcurrentLinkedQueue<>();
  private final ExecutorService deciding =
      Executors.newSingleThreadExecutor(task -> new Thread(task, "deciding"));
  private final LoopStatistics statistics = new LoopStatistics();
  private final UnixDomainSocketAddress address;
  private final Server server;
  private final Engine engine;

  ServedEngine(Engine engine, Limits limits, Path socket) throws MillraceException {
    this.engine = engine;
    address = UnixDomainSocketAddress.of(socket);
    server =
        Server.builder()
            .engine(engine)
            .loops(1)
            .limits(limits)
            .listen("ws+unix://" + socket)
            .route("/", new Echo())
            .route("/room/{name}", new Echo())
            .route("/room/{name}/{other}", new Echo())
            .get("/page", "text/html", () -> "<p>page")
            .keepHeaders("Origin")
            .onUpgradeAsync(this::decideSometime, Duration.ofHours(1))
            .start();
  }

  /** At once, or by another thread while the peer sends on. */
  private CompletionStage<Upgrade> decideSometime(UpgradeRequest request) {
    Upgrade decision = decide(request);
    return request.path().length() % 2 == 1
        ? CompletableFuture.completedFuture(decision)
        : CompletableFuture.supplyAsync(() -> decision, deciding);
  }

  /** Answers with what was seen, so that the peer can compare it. */
  private static Upgrade decide(UpgradeRequest request) {
    List<String> seen =
        List.of(
            request.path(),
            request.query().toString(),
            new TreeMap<>(request.parameters()).toString(),
            request.subprotocols().toString(),
            request.headers("Host").toString(),
            request.headers("Origin").toString(),
            request.headers("Cookie").toString(),
            request.headers("X").toString(),
            request.headers("Connection").toString());
    String hash = Integer.toHexString(seen.hashCode());
    if (request.query().orElse("").startsWith("no")) {
      return Upgrade.reject(409, "refused").header("X-Seen", hash);
    }
    Upgrade.Accepted accepted = Upgrade.accept().header("X-Seen", hash);
    return request.subprotocols().contains("chat") ? accepted.subprotocol("chat") : accepted;
  }

  /** Echoes by each way there is to send, and rests from reading now and then. */
  private final class Echo implements Handler {
    @Override
    public void onOpen(Connection connection) {
      EventLog log = new EventLog();
      log.opened(connection);
      connection.attach(log);
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      connection.attachment(EventLog.class).message(message);
      int length = message.length();
      if (length % 8 == 5) {
        connection.pause();
        connection.execute(connection::resume);
      }
      SendResult result =
          switch (length & 3) {
            case 0 -> connection.send(message.retain());
            case 1 ->
                message.kind() == Message.Kind.TEXT
                    ? connection.send(message.text())
                    : connection.send(message.payload());
            default -> connection.send(message);
          };
      if (result == SendResult.REFUSED) {
        throw new IllegalStateException("an echo was refused");
      }
    }

    @Override
    public void onError(Connection connection, Throwable cause) {
      connection.attachment(EventLog.class).failed(cause);
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      EventLog log = connection.attachment(EventLog.class);
      log.closed(reason);
      logs.add(log.toArray());
    }
  }

  @Override
  public String name() {
    return engine.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public UnixDomainSocketAddress address() {
    return address;
  }

  @Override
  public byte[] nextLog() {
    return logs.poll();
  }

  @Override
  public boolean tellsEvents() {
    return true;
  }

  @Override
  public long bytesReceived() {
    server.statistics(0, statistics);
    return statistics.bytesReceived();
  }

  @Override
  public void close() {
    server.shutdown(Duration.ofMillis(100));
    deciding.shutdown();
  }
}
