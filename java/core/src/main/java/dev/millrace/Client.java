// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.CompressionBudget;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.internal.spi.MemoryShares;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes connections. They share the loops of their client, so that one client serves a whole
 * program. Any thread may call any method.
 */
public final class Client implements AutoCloseable {

  private static final int NAME_THREADS = 8;
  private static final int CALLBACK_THREADS = 32;

  private final Engine engine;
  private final ClientSpec spec;
  private final EngineClient running;
  private final ExecutorService names;
  private final ExecutorService callbacks;
  private final Dialer dialer;
  private final Dialer blockingDialer;
  private final Reconnect reconnect;
  private final Set<ClientLink> links = ConcurrentHashMap.newKeySet();
  private final long beganNanos = System.nanoTime();
  private volatile boolean closed;

  /**
   * A client of running loops.
   *
   * @param names asks for names; may block
   * @param callbacks runs callbacks that may block
   */
  Client(
      Engine engine,
      ClientSpec spec,
      EngineClient running,
      ClientOptions options,
      ExecutorService names,
      ExecutorService callbacks) {
    this.engine = engine;
    this.spec = spec;
    this.running = running;
    this.names = names;
    this.callbacks = callbacks;
    this.reconnect = options.reconnect();
    CompressionBudget budget = CompressionBudget.of(spec.compression());
    this.dialer = dialer(options, budget);
    this.blockingDialer = dialer(options.withExecutor(HandlerExecutor.loop()), budget);
    running.terminated().whenComplete((none, failure) -> ended());
  }

  private Dialer dialer(ClientOptions options, CompressionBudget budget) {
    return new Dialer(
        options,
        new NameService(names),
        callbacks,
        spec.compression(),
        budget,
        System::nanoTime,
        () -> ThreadLocalRandom.current().nextDouble());
  }

  /**
   * A client with default options.
   *
   * @return the client
   * @throws IllegalStateException if no engine can be started, with the cause
   */
  public static Client create() {
    try {
      return builder().build();
    } catch (MillraceException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  /**
   * A client with options.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Connects and completes the opening handshake; connects again as the {@link Builder#reconnect}
   * of this client says.
   *
   * @param uri as of {@link ConnectRequest#to}
   * @param handler serves the connection, on its loop thread
   * @return the open connection, completed on the loop thread; fails with an {@link
   *     UpgradeException} if the server answered otherwise, with an {@link java.io.IOException} if
   *     it could not be reached
   * @throws IllegalArgumentException if the URI is none that a client takes
   * @throws IllegalStateException if the client is closed
   */
  public CompletionStage<Connection> connect(URI uri, Handler handler) {
    return connect(ConnectRequest.to(uri), handler);
  }

  /**
   * As {@link #connect(URI, Handler)}, with headers and subprotocols.
   *
   * @param request where to, and what to say there
   * @param handler serves the connection, on its loop thread
   * @return as of {@link #connect(URI, Handler)}
   * @throws IllegalStateException if the client is closed
   */
  public CompletionStage<Connection> connect(ConnectRequest request, Handler handler) {
    Objects.requireNonNull(request, "request");
    Objects.requireNonNull(handler, "handler");
    return begin(dialer, reconnect, request, handler, false).opened();
  }

  /**
   * Connects, and shows what becomes of it. Without a policy of {@link Builder#reconnect} that is
   * one attempt and at most one connection.
   *
   * @param request where to, and what to say there
   * @param handler serves each of its connections, on their loop thread
   * @return the link
   * @throws IllegalStateException if the client is closed
   */
  public Link link(ConnectRequest request, Handler handler) {
    Objects.requireNonNull(request, "request");
    Objects.requireNonNull(handler, "handler");
    return begin(dialer, reconnect, request, handler, true);
  }

  private ClientLink begin(
      Dialer dialer, Reconnect policy, ConnectRequest request, Handler handler, boolean watched) {
    ClientLoop loop = running.leastLoaded();
    ClientLink link =
        new ClientLink(
            dialer, policy, loop, request, handler, watched, () -> closed, links::remove);
    links.add(link);
    if (closed) { // looked at behind add: either this sees it, or close() sees the link
      links.remove(link);
      throw new IllegalStateException("the client is closed");
    }
    link.start();
    return link;
  }

  /**
   * Connects and waits for the opening handshake. Such a connection does not connect again.
   *
   * @param uri as of {@link ConnectRequest#to}
   * @return the open connection
   * @throws MillraceException if it could not be opened
   * @throws InterruptedException if interrupted while waiting
   */
  public BlockingConnection open(URI uri) throws MillraceException, InterruptedException {
    return open(ConnectRequest.to(uri));
  }

  /**
   * As {@link #open(URI)}, with headers and subprotocols.
   *
   * @param request where to, and what to say there
   * @return the open connection
   * @throws MillraceException if it could not be opened
   * @throws InterruptedException if interrupted while waiting
   */
  public BlockingConnection open(ConnectRequest request)
      throws MillraceException, InterruptedException {
    Objects.requireNonNull(request, "request");
    BlockingLink blocking = new BlockingLink(spec.limits().highWaterMarkBytes());
    ClientLink link = begin(blockingDialer, Reconnect.never(), request, blocking, true);
    blocking.runsOn(link.loop());
    try {
      blocking.requireMayWait();
      link.opened().toCompletableFuture().get();
      return blocking;
    } catch (InterruptedException | IllegalStateException e) {
      blocking.abandon();
      link.close();
      throw e;
    } catch (ExecutionException e) {
      throw notOpened(request, e.getCause());
    }
  }

  private static MillraceException notOpened(ConnectRequest request, Throwable cause) {
    if (cause instanceof MillraceException told) {
      return told;
    }
    String sentence = cause.getMessage() == null ? cause.toString() : cause.getMessage();
    return new MillraceException("no connection: " + request + ": " + sentence, cause);
  }

  /**
   * How many connections are open.
   *
   * @return a snapshot
   */
  public int connectionCount() {
    return running.connectionCount();
  }

  /**
   * What each loop counts; see {@link Server#statistics()}.
   *
   * @return a snapshot, one element for each loop
   */
  public List<LoopStatistics> statistics() {
    List<LoopStatistics> statistics = new ArrayList<>();
    for (int loop = 0; loop < spec.loops(); loop++) {
      LoopStatistics one = new LoopStatistics();
      running.readStatistics(loop, one.values());
      statistics.add(one);
    }
    return List.copyOf(statistics);
  }

  /**
   * What the client has done since it began; see {@link Server#statistics(ServerStatistics)}.
   *
   * @param into an object of the caller, which is overwritten
   */
  public void statistics(ClientStatistics into) {
    Objects.requireNonNull(into, "into");
    into.fill(running, spec.loops(), running.tally(), beganNanos, spec.limits().maxMemoryBytes());
  }

  /**
   * The engine that does the I/O.
   *
   * @return {@link Engine#NATIVE} or {@link Engine#JAVA}
   */
  public Engine engine() {
    return engine;
  }

  /**
   * Ends its links, closes its connections with {@link CloseCode#GOING_AWAY} and waits for their
   * closing handshakes up to {@link Limits#closeTimeout()}; on a loop thread it does not wait. What
   * was not open yet fails with an {@link java.io.IOException}. Calling it again waits for the
   * first call.
   */
  @Override
  public void close() {
    closed = true;
    links.forEach(ClientLink::endWithClient);
    running.shutdown(spec.limits().closeTimeout());
    if (running.terminated().toCompletableFuture().isDone()) {
      ended(); // what depends on that stage may not have run yet
    }
  }

  /** The last loop has ended, and nothing moves any more. */
  private void ended() {
    closed = true;
    links.forEach(ClientLink::abandon);
    names.shutdownNow();
    callbacks.shutdownNow();
  }

  @Override
  public String toString() {
    return "Client[engine=" + engine + ", connections=" + connectionCount() + "]";
  }

  /** Options of a {@link Client}. Not safe for several threads. */
  public static final class Builder {

    private Reconnect reconnect = Reconnect.never();
    private Limits limits = Limits.defaults();
    private Compression compression = Compression.disabled();
    private SocketOptions socketOptions = SocketOptions.defaults();
    private final Set<ProtocolRule> relaxed = EnumSet.noneOf(ProtocolRule.class);
    private HandlerExecutor executor = HandlerExecutor.loop();
    private Engine engine = Engine.AUTO;
    private int loops = 1;
    private Duration connectTimeout = Duration.ofSeconds(10);
    private int maxRedirects;
    private @Nullable HttpProxy proxy;
    private final Set<String> keptHeaders = new LinkedHashSet<>();
    private @Nullable Consumer<HandshakeExchange> exchanges;

    private Builder() {}

    /**
     * Sets when to connect again; by default never.
     *
     * @param reconnect the policy
     * @return this builder
     */
    public Builder reconnect(Reconnect reconnect) {
      this.reconnect = Objects.requireNonNull(reconnect, "reconnect");
      return this;
    }

    /**
     * Sets what servers may send, and what the client waits for: {@link Limits#handshakeTimeout()}
     * for each answer, {@link Limits#closeTimeout()} for the end.
     *
     * @param limits the limits
     * @return this builder
     */
    public Builder limits(Limits limits) {
      this.limits = Objects.requireNonNull(limits, "limits");
      return this;
    }

    /**
     * Sets whether compression is offered, and how; by default not.
     *
     * @param compression what is offered
     * @return this builder
     */
    public Builder compression(Compression compression) {
      this.compression = Objects.requireNonNull(compression, "compression");
      return this;
    }

    /**
     * Sets the options of its sockets; what concerns listening has no effect.
     *
     * @param socketOptions buffer sizes and congestion control
     * @return this builder
     */
    public Builder socketOptions(SocketOptions socketOptions) {
      this.socketOptions = Objects.requireNonNull(socketOptions, "socketOptions");
      return this;
    }

    /**
     * Does not enforce a rule of RFC 6455 upon servers; see {@link Server.Builder#relax}.
     *
     * @param rule the rule
     * @return this builder
     */
    public Builder relax(ProtocolRule rule) {
      relaxed.add(Objects.requireNonNull(rule, "rule"));
      return this;
    }

    /**
     * Sets where handlers run; by default on the loop thread.
     *
     * @param executor where they run
     * @return this builder
     */
    public Builder executor(HandlerExecutor executor) {
      this.executor = Objects.requireNonNull(executor, "executor");
      return this;
    }

    /**
     * Sets which engine does the I/O; by default {@link Engine#AUTO}.
     *
     * @param engine the engine
     * @return this builder
     */
    public Builder engine(Engine engine) {
      this.engine = Objects.requireNonNull(engine, "engine");
      return this;
    }

    /**
     * Sets how many loops share the connections; by default one.
     *
     * @param loops 1 to 256
     * @return this builder
     * @throws IllegalArgumentException if the number is out of range
     */
    public Builder loops(int loops) {
      if (loops < 1 || loops > 256) {
        throw new IllegalArgumentException(
            "loops out of range: loops=" + loops + ", limits=1..256");
      }
      this.loops = loops;
      return this;
    }

    /**
     * Sets how long name and sockets may take until one is connected, over all addresses; by
     * default 10 s.
     *
     * @param connectTimeout 1 ms to 1 h
     * @return this builder
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder connectTimeout(Duration connectTimeout) {
      if (connectTimeout.compareTo(Duration.ofMillis(1)) < 0
          || connectTimeout.compareTo(Duration.ofHours(1)) > 0) {
        throw new IllegalArgumentException(
            "timeout out of range: connectTimeout=" + connectTimeout + ", limits=PT0.001S..PT1H");
      }
      this.connectTimeout = connectTimeout;
      return this;
    }

    /**
     * Sets how many redirects (301, 302, 303, 307, 308) are followed; by default none. To another
     * host, port or scheme none of the request's headers goes along: any of them may be a
     * credential.
     *
     * @param maxRedirects 0 to 20
     * @return this builder
     * @throws IllegalArgumentException if the number is out of range
     */
    public Builder followRedirects(int maxRedirects) {
      if (maxRedirects < 0 || maxRedirects > 20) {
        throw new IllegalArgumentException(
            "redirects out of range: maxRedirects=" + maxRedirects + ", limits=0..20");
      }
      this.maxRedirects = maxRedirects;
      return this;
    }

    /**
     * Connects through an HTTP proxy by {@code CONNECT} (RFC 9110 9.3.6); not to Unix sockets.
     *
     * @param proxy {@code http://HOST:PORT} or {@code http://USER:PASSWORD@HOST:PORT}
     * @return this builder
     * @throws IllegalArgumentException if it is not of that form
     */
    public Builder proxy(URI proxy) {
      this.proxy = HttpProxy.of(proxy);
      return this;
    }

    /**
     * Keeps headers of the server's answer for {@link Handshake#header} and {@link
     * Handshake#headers}; by default none is kept.
     *
     * @param names header names in any case; {@code *} for all
     * @return this builder
     * @throws IllegalArgumentException if one is not an HTTP token
     */
    public Builder keepHeaders(String... names) {
      for (String name : names) {
        HeaderFields.requireToken("header name", name);
        keptHeaders.add(name.toLowerCase(Locale.ROOT));
      }
      return this;
    }

    /**
     * Sets who is told of each request of an opening handshake and its answer, refused ones, those
     * of proxies and of redirects included; for tools that show them. On the loop thread; must not
     * block.
     *
     * @param listener is told; what it throws is logged
     * @return this builder
     */
    public Builder onExchange(Consumer<HandshakeExchange> listener) {
      this.exchanges = Objects.requireNonNull(listener, "listener");
      return this;
    }

    /**
     * Starts the client's loops.
     *
     * @return the client
     * @throws EngineUnavailableException if the engine cannot be used on this machine
     * @throws MillraceException if something else kept its loops from starting
     */
    public Client build() throws MillraceException {
      Engines.Choice choice = Engines.choose(engine);
      MemoryShares shares =
          MemoryShares.of(limits, 0, loops, compression, choice.provider().engine());
      ClientSpec spec =
          new ClientSpec(loops, shares.limits(limits), shares.compression(compression), relaxed);
      ClientOptions options =
          new ClientOptions(
              reconnect,
              socketOptions,
              executor,
              connectTimeout,
              maxRedirects,
              proxy,
              keptHeaders,
              exchanges);
      EngineClient started = choice.provider().start(spec);
      choice.announce(shares);
      return new Client(
          choice.provider().engine(),
          spec,
          started,
          options,
          DaemonPool.create("millrace-names", NAME_THREADS),
          DaemonPool.create("millrace-before-attempt", CALLBACK_THREADS));
    }

    @Override
    public String toString() {
      return "Client.Builder[reconnect=" + reconnect + ", limits=" + limits + "]";
    }
  }
}
