// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.MemoryShares;
import dev.millrace.internal.spi.ServerSpec;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A running WebSocket server.
 *
 * <pre>{@code
 * try (Server server = Server.builder()
 *     .listen("ws://127.0.0.1:9001")
 *     .route("/echo", (connection, message) -> connection.send(message))
 *     .start()) {
 *   server.awaitShutdown();
 * }
 * }</pre>
 *
 * <p>A server that is not closed keeps its process alive: its loop threads are no daemons. Any
 * thread may call any method.
 */
public final class Server implements AutoCloseable {

  private static final UpgradeResult[] UPGRADE_RESULTS = UpgradeResult.values();

  private final Engine engine;
  private final ServerSpec spec;
  private final Admissions admissions;
  private final Upgrades upgrades;
  private final EngineServer running;
  private final @Nullable Administration administration;
  private final long beganNanos = System.nanoTime();

  private Server(
      Engine engine,
      ServerSpec spec,
      Admissions admissions,
      Upgrades upgrades,
      EngineServer running,
      @Nullable Administration administration) {
    this.engine = engine;
    this.spec = spec;
    this.admissions = admissions;
    this.upgrades = upgrades;
    this.running = running;
    this.administration = administration;
    if (administration != null) {
      administration.tellOf(this, running);
    }
  }

  /**
   * Begins to describe a server.
   *
   * @return a new builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * What the server listens on, with the ports that were really bound.
   *
   * @return the addresses in the order of {@link Builder#listen}, such as {@code
   *     ws://127.0.0.1:9001}
   */
  public List<URI> addresses() {
    return running.addresses();
  }

  /**
   * The engine in use.
   *
   * @return {@link Engine#NATIVE} or {@link Engine#JAVA}, never {@link Engine#AUTO}
   */
  public Engine engine() {
    return engine;
  }

  /**
   * How many loops there are.
   *
   * @return at least 1
   */
  public int loops() {
    return spec.loops();
  }

  /**
   * What is allowed.
   *
   * @return the limits
   */
  public Limits limits() {
    return spec.limits();
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
   * How the server stands to its limits of connections.
   *
   * @return a snapshot
   */
  public AdmissionStatistics admission() {
    return admissions.statistics(connectionCount());
  }

  /**
   * What each loop has done, and what its memory holds.
   *
   * @return a snapshot for each loop, in their order
   */
  public List<LoopStatistics> statistics() {
    List<LoopStatistics> statistics = new ArrayList<>();
    for (int loop = 0; loop < loops(); loop++) {
      LoopStatistics one = new LoopStatistics();
      statistics(loop, one);
      statistics.add(one);
    }
    return List.copyOf(statistics);
  }

  /**
   * As {@link #statistics()}, for one loop and without allocating: for whoever looks often.
   *
   * @param loop its index, from 0 on
   * @param into an object of the caller, which is overwritten
   * @throws IndexOutOfBoundsException if there is no such loop
   */
  public void statistics(int loop, LoopStatistics into) {
    Objects.checkIndex(loop, loops());
    running.readStatistics(loop, into.values());
  }

  /**
   * What the server has done since it began, and how long messages waited and were handled. From
   * the second time on with an object this allocates nothing, and it costs the loops nothing: for
   * whoever looks often.
   *
   * @param into an object of the caller, which is overwritten
   */
  public void statistics(ServerStatistics into) {
    Objects.requireNonNull(into, "into");
    into.fill(running, loops(), running.tally(), beganNanos, limits().maxMemoryBytes());
    for (UpgradeResult result : UPGRADE_RESULTS) {
      into.addUpgrades(result, upgrades.refused(result));
    }
    into.addUpgrades(UpgradeResult.MALFORMED, into.total().handshakesRefused());
  }

  /**
   * Waits until the server has ended, by {@link #shutdown} or because its loops failed.
   *
   * @throws InterruptedException if interrupted while waiting; the server runs on
   * @throws IllegalStateException if one of its loops had failed
   */
  public void awaitShutdown() throws InterruptedException {
    try {
      running.terminated().toCompletableFuture().get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("the server ended in an error", e.getCause());
    }
  }

  /**
   * Completes when the server has ended.
   *
   * @return a stage that fails with what ended one of its loops, if that was a failure
   */
  public CompletionStage<Void> terminated() {
    return running.terminated();
  }

  /**
   * Ends the server: no more connections are accepted, every connection is closed with {@link
   * CloseCode#GOING_AWAY} behind what was sent to it, and those that do not answer in time are cut.
   * Returns when all of that is done and every {@code onClose} was called; called by a handler on a
   * loop thread it starts this and returns. Calling it again waits for the first call.
   *
   * <p>The Close frames are spread evenly over the first half of the time, so that the clients do
   * not all come back to another server at once. Who is gone before its turn shortens nothing, but
   * the last one's going ends the server.
   *
   * <p>Handlers on a {@link HandlerExecutor} finish what was received before, within the same time.
   * Those that do not are left behind: their connections are cut, and their {@code onClose} follows
   * when they return. One that calls this waits for itself, and so uses that time up.
   *
   * @param drain how long to wait for the peers; zero cuts at once
   * @throws IllegalArgumentException if the time is negative
   */
  public void shutdown(Duration drain) {
    if (drain.isNegative()) {
      throw new IllegalArgumentException("drain time must not be negative: drain=" + drain);
    }
    running.shutdown(drain, drain.dividedBy(2));
    endAdministration();
  }

  /** As {@link #shutdown} with the time of {@link Limits#closeTimeout()}, and all at once. */
  @Override
  public void close() {
    running.shutdown(spec.limits().closeTimeout(), Duration.ZERO);
    endAdministration();
  }

  /** It ends by itself with the last loop; who has waited for that finds it ended, too. */
  private void endAdministration() {
    if (administration != null && running.terminated().toCompletableFuture().isDone()) {
      administration.close();
    }
  }

  @Override
  public String toString() {
    return "Server[engine=" + engine + ", addresses=" + addresses() + "]";
  }

  /**
   * Describes a server. Every method checks what it is given at once. Not safe for several threads;
   * may start several servers, one after the other.
   */
  public static final class Builder {

    private final List<ListenAddress> listen = new ArrayList<>();
    private final Router<Dispatcher.Route> webSockets = new Router<>();
    private final Router<Dispatcher.Resource> resources = new Router<>();
    private final Set<String> allowedOrigins = new LinkedHashSet<>();
    private final Set<String> keptHeaders = new LinkedHashSet<>();
    private UpgradeHook onUpgrade = new UpgradeHook.AtOnce(request -> Upgrade.accept());
    private UnaryOperator<String> redaction = UnaryOperator.identity();
    private Limits limits = Limits.defaults();
    private SocketOptions socketOptions = SocketOptions.defaults();
    private Compression compression = Compression.disabled();
    private final Set<ProtocolRule> relaxed = EnumSet.noneOf(ProtocolRule.class);
    private TrustedProxies proxies = TrustedProxies.none();
    private Engine engine = Engine.AUTO;
    private @Nullable ListenAddress administration;
    private int loops; // 0: as many as there are processors, and memory

    private Builder() {}

    /**
     * Adds an address to listen on: {@code ws://HOST:PORT}, where port 0 lets the system choose,
     * {@code ws+unix:///PATH} for a Unix socket, or {@code ws+unix:@NAME} for one in Linux's
     * abstract namespace. A host name is looked up now. Every route is served on every address.
     *
     * <p>A socket file that a dead process of this user has left is replaced; any other file fails
     * the start. Who may connect says {@link SocketOptions#unixMode()}. The file goes with the
     * server.
     *
     * @param uri the address
     * @return this builder
     * @throws IllegalArgumentException if it is none of these forms, its host is unknown, its path
     *     is longer than 107 bytes or its name than 106, or there are 64 addresses already
     */
    public Builder listen(String uri) {
      ListenAddress address = ListenAddress.parse(uri);
      if (listen.size() == ServerSpec.MAX_LISTENERS) {
        throw new IllegalArgumentException(
            "too many addresses: count="
                + (listen.size() + 1)
                + ", limit="
                + ServerSpec.MAX_LISTENERS);
      }
      listen.add(address);
      return this;
    }

    /**
     * Serves WebSocket connections to a path with one handler object for all of them.
     *
     * @param pattern a path such as {@code /echo}, or with whole segments as parameters such as
     *     {@code /rooms/{room}}; a literal segment beats a parameter
     * @param handler serves them, on several loop threads at once
     * @return this builder
     * @throws IllegalArgumentException if it is no such pattern, or the same as another's
     */
    public Builder route(String pattern, Handler handler) {
      return route(pattern, handler, HandlerExecutor.loop());
    }

    /**
     * Serves WebSocket connections to a path with a handler object for each.
     *
     * @param pattern as of {@link #route(String, Handler)}
     * @param handlers gives a new handler; called on the loop thread, or on the one that completes
     *     a decision of {@link #onUpgradeAsync}; must not block. If it throws the request is
     *     answered with 500 and that is logged
     * @return this builder
     * @throws IllegalArgumentException if it is no such pattern, or the same as another's
     */
    public Builder route(String pattern, Supplier<? extends Handler> handlers) {
      return route(pattern, handlers, HandlerExecutor.loop());
    }

    /**
     * As {@link #route(String, Handler)}, with a choice of where the handler runs.
     *
     * @param pattern as of {@link #route(String, Handler)}
     * @param handler serves the connections
     * @param executor where it runs
     * @return this builder
     * @throws IllegalArgumentException if it is no such pattern, or the same as another's
     */
    public Builder route(String pattern, Handler handler, HandlerExecutor executor) {
      Objects.requireNonNull(handler, "handler");
      return route(pattern, () -> handler, executor);
    }

    /**
     * As {@link #route(String, Supplier)}, with a choice of where the handlers run.
     *
     * @param pattern as of {@link #route(String, Handler)}
     * @param handlers gives a new handler, where {@link #route(String, Supplier)} says
     * @param executor where they run
     * @return this builder
     * @throws IllegalArgumentException if it is no such pattern, or the same as another's
     */
    public Builder route(
        String pattern, Supplier<? extends Handler> handlers, HandlerExecutor executor) {
      Objects.requireNonNull(handlers, "handlers");
      Objects.requireNonNull(executor, "executor");
      webSockets.add(pattern, new Dispatcher.Route(handlers, executor));
      return this;
    }

    /**
     * Answers a plain GET (and HEAD) with text from memory, for a health check or a small page. The
     * connection ends after the answer.
     *
     * @param path an exact path, without parameters
     * @param contentType such as {@code text/html}; text is sent as UTF-8, which is added here
     * @param content gives the text; called on the loop thread for each request, must not block. If
     *     it throws the request is answered with 500 and that is logged
     * @return this builder
     * @throws IllegalArgumentException if it is no such path or content type, or the path is there
     *     already
     */
    public Builder get(String path, String contentType, Supplier<String> content) {
      Objects.requireNonNull(content, "content");
      return getBytes(path, contentType, () -> content.get().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * As {@link #get}, with bytes.
     *
     * @param path an exact path, without parameters
     * @param contentType such as {@code image/png}
     * @param content gives the bytes, which must not change afterwards
     * @return this builder
     * @throws IllegalArgumentException if it is no such path or content type, or the path is there
     *     already
     */
    public Builder getBytes(String path, String contentType, Supplier<byte[]> content) {
      Objects.requireNonNull(content, "content");
      HeaderFields.requireValue("Content-Type", contentType);
      if (Router.hasParameters(path)) {
        throw new IllegalArgumentException("get serves exact paths: path=" + path);
      }
      resources.add(path, new Dispatcher.Resource(Responses.withCharset(contentType), content));
      return this;
    }

    /**
     * Decides on every opening handshake whose route was found, whose origin is allowed and which
     * no limit refuses, in place of accepting it. The last call of this or {@link #onUpgradeAsync}
     * counts.
     *
     * @param decision called on the loop thread, by several loops at once; must not block. If it
     *     throws or answers null the request is answered with 500 and that is logged
     * @return this builder
     */
    public Builder onUpgrade(Function<? super UpgradeRequest, ? extends Upgrade> decision) {
      this.onUpgrade = new UpgradeHook.AtOnce(Objects.requireNonNull(decision, "decision"));
      return this;
    }

    /**
     * As {@link #onUpgrade}, for a decision that takes its time. Until it is there no frame is
     * looked at, and next to nothing read; what the peer sent behind its request are frames after
     * the answer. A peer that goes away meanwhile is not told to the application: its decision
     * comes to nothing.
     *
     * @param decision begins to decide, on the loop thread; must not block. The stage may be
     *     completed by any thread. If it fails, or gives null, the request is answered with 500 and
     *     that is logged
     * @param deadline how long the decision may take, 1 ms to 1 hour; then the request is answered
     *     with 503. The handshake's own deadline ends with the request
     * @return this builder
     * @throws IllegalArgumentException if the deadline is out of range
     */
    public Builder onUpgradeAsync(
        Function<? super UpgradeRequest, ? extends CompletionStage<? extends Upgrade>> decision,
        Duration deadline) {
      Objects.requireNonNull(decision, "decision");
      Limits.requireTimeout("deadline", deadline);
      this.onUpgrade = new UpgradeHook.InTime(decision, deadline);
      return this;
    }

    /**
     * Changes how principals are shown in logs and in {@code Connection.toString()}; by default by
     * their names. Whatever this gives is shown on one line of at most 256 characters, with what is
     * not visible escaped.
     *
     * @param redaction makes of a principal's name what may be shown, such as a hash of it; called
     *     by any thread, each time it is shown. If it throws, {@code ?} is shown
     * @return this builder
     */
    public Builder redactPrincipals(UnaryOperator<String> redaction) {
      this.redaction = Objects.requireNonNull(redaction, "redaction");
      return this;
    }

    /**
     * Lets pages of other origins connect (RFC 6455 10.2). By default a request that has an {@code
     * Origin} header is answered with 403 unless it equals {@code Host} in host and port, port 80
     * where none is given. Where one of the {@link #trustProxies trusted proxies} says in which
     * scheme the request was made and for which host, it must equal those. Behind another proxy
     * that ends TLS, name the page's origin here.
     *
     * @param origins such as {@code https://example.com} or {@code http://localhost:3000}; {@code
     *     null} as text for pages without an origin; {@code *} for all
     * @return this builder
     * @throws IllegalArgumentException if one is not an origin
     */
    public Builder allowOrigins(String... origins) {
      allowedOrigins.addAll(OriginPolicy.requireNames(origins));
      return this;
    }

    /**
     * Sets the proxies that are believed whose connection it is that they hand on. {@link
     * Handshake#remoteAddress()} is that client's then; limits by address and the decision on the
     * origin go by what they say.
     *
     * @param proxies by default {@link TrustedProxies#none()}
     * @return this builder
     */
    public Builder trustProxies(TrustedProxies proxies) {
      this.proxies = Objects.requireNonNull(proxies, "proxies");
      return this;
    }

    /**
     * Keeps headers of the request for {@link Handshake#header}; by default none is kept.
     *
     * @param names header names in any case
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
     * Sets what peers are allowed.
     *
     * @param limits the limits, by default {@link Limits#defaults()}
     * @return this builder
     */
    public Builder limits(Limits limits) {
      this.limits = Objects.requireNonNull(limits, "limits");
      return this;
    }

    /**
     * Sets whether and how messages are compressed; by default not at all.
     *
     * @param compression what is agreed to when a client offers it
     * @return this builder
     */
    public Builder compression(Compression compression) {
      this.compression = Objects.requireNonNull(compression, "compression");
      return this;
    }

    /**
     * Does not enforce rules of the protocol, each by its name. For peers that cannot be mended;
     * who relaxes a rule serves others less safely too.
     *
     * @param rules those that are not enforced
     * @return this builder
     */
    public Builder relax(ProtocolRule... rules) {
      relaxed.addAll(List.of(rules));
      return this;
    }

    /**
     * Sets what the system is asked for when listening, on every address.
     *
     * @param socketOptions the options, by default {@link SocketOptions#defaults()}
     * @return this builder
     */
    public Builder socketOptions(SocketOptions socketOptions) {
      this.socketOptions = Objects.requireNonNull(socketOptions, "socketOptions");
      return this;
    }

    /**
     * Sets how many loops, and loop threads, there are.
     *
     * @param loops 1 to 256, by default the number of available processors, or fewer where {@link
     *     Limits#maxMemoryBytes()} would not give each 16 MiB and four of the longest messages
     * @return this builder
     * @throws IllegalArgumentException if the number is out of range
     */
    public Builder loops(int loops) {
      if (loops < 1 || loops > ServerSpec.MAX_LOOPS) {
        throw new IllegalArgumentException(
            "loops out of range: loops=" + loops + ", limits=1.." + ServerSpec.MAX_LOOPS);
      }
      this.loops = loops;
      return this;
    }

    /**
     * Sets the engine.
     *
     * @param engine by default {@link Engine#AUTO}
     * @return this builder
     */
    public Builder engine(Engine engine) {
      this.engine = Objects.requireNonNull(engine, "engine");
      return this;
    }

    /**
     * Tells whoever asks on a Unix socket of this machine what the server does; {@code ./millrace
     * top} shows it. Off by default. Only processes of this user may connect, by the file's mode
     * 0600, and never the network. Who may sees paths, addresses and, {@linkplain #redactPrincipals
     * redacted}, names of peers. It listens before the server does, on a loop of its own, which has
     * 4 MiB of {@link Limits#maxMemoryBytes()}, and ends with it.
     *
     * <p>Every message to {@code /statistics} is answered by one JSON document, which
     * docs/statistics.md describes.
     *
     * @param socket where the socket's file is to be; as of {@link #listen} for {@code ws+unix}
     * @return this builder
     * @throws IllegalArgumentException if its path is longer than 107 bytes
     */
    public Builder administration(Path socket) {
      // As a part of a URI: a path may hold what has to be escaped there.
      String path = socket.toAbsolutePath().toUri().getRawPath();
      this.administration = ListenAddress.parse("ws+unix://" + path);
      return this;
    }

    /**
     * Reads options from properties, under the names they have here: {@code millrace.loops}, {@code
     * millrace.maxMessageBytes}.
     *
     * @param properties the properties; others are left alone
     * @return this builder
     * @throws UnsupportedOperationException always
     * @implNote Options from properties are not in 0.1.0; this throws {@link
     *     UnsupportedOperationException}.
     */
    public Builder load(Properties properties) {
      Objects.requireNonNull(properties, "properties");
      throw new UnsupportedOperationException("options from properties are not in 0.1.0");
    }

    /**
     * Starts the server. When this returns every address is bound; what is changed in this builder
     * afterwards does not reach the server.
     *
     * @return the running server
     * @throws ListenException if an address cannot be listened on; then nothing is left behind
     * @throws EngineUnavailableException if the engine cannot be used on this machine
     * @throws MillraceException if something else kept it from starting
     * @throws IllegalStateException if there is no address to listen on
     */
    public Server start() throws MillraceException {
      if (listen.isEmpty()) {
        throw new IllegalStateException("no address: call listen(\"ws://HOST:PORT\") first");
      }
      Engines.Choice choice = Engines.choose(engine);
      MemoryShares shares =
          MemoryShares.of(
              limits,
              administration == null ? 0 : Administration.REGION_BYTES,
              loops > 0
                  ? loops
                  : MemoryShares.loops(limits, Runtime.getRuntime().availableProcessors()),
              compression,
              choice.provider().engine());
      Compression compression = shares.compression(this.compression);
      Admissions admissions = new Admissions(limits, System::nanoTime);
      Upgrades upgrades =
          new Upgrades(
              OriginPolicy.of(allowedOrigins),
              admissions,
              onUpgrade,
              List.copyOf(keptHeaders),
              redaction,
              compression);
      Dispatcher dispatcher =
          new Dispatcher(webSockets.copy(), resources.copy(), upgrades, proxies);
      ServerSpec spec =
          new ServerSpec(
              listen,
              shares.loops(),
              shares.limits(limits),
              socketOptions,
              compression,
              relaxed,
              proxies.hasProxyProtocol(),
              dispatcher);
      Administration told = administration == null ? null : Administration.start(administration);
      EngineServer started;
      try {
        started = choice.provider().start(spec);
      } catch (Throwable t) {
        if (told != null) {
          told.close();
        }
        throw t;
      }
      choice.announce(shares);
      return new Server(choice.provider().engine(), spec, admissions, upgrades, started, told);
    }
  }
}
