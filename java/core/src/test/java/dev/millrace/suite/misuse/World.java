// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Batching;
import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Handshake;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Message;
import dev.millrace.ScheduledTask;
import dev.millrace.SendOptions;
import dev.millrace.Server;
import dev.millrace.WebSocketControls;
import dev.millrace.internal.spi.LeaseWatch;
import dev.millrace.suite.Deadline;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Phaser;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A server with two loops, a client, and pairs of connections between them, on which sequences are
 * played; beside them what has ended before. What a sequence has closed, or sent across, is
 * replaced before the next one.
 */
final class World {
  private static final int PAIRS = 4;
  private static final int PROGRESS = 50_000;
  private static final int SMALLEST_BLOCK = 256;

  /** How many sequences are played before they must all be gone without a trace. */
  private static final int LOOK = 1_000;

  /** Of a server and a client that others need: they are called on those that have ended. */
  private static final Set<String> ENDS = Set.of("close", "shutdown", "awaitShutdown");

  private static final Limits LIMITS =
      Limits.defaults()
          .withRegionBytes(64 << 20)
          .withMaxMessageBytes(1 << 20)
          .withHighWaterMarkBytes(64 << 10)
          .withCloseTimeout(Duration.ofMillis(200))
          .withMaxConnections(10_000);

  private static final List<Method> CONNECTION = KnownMethods.of(Connection.class);
  private static final List<Method> SENDS =
      CONNECTION.stream().filter(method -> method.getName().startsWith("send")).toList();
  private static final List<Method> MESSAGE = KnownMethods.of(Message.class);
  private static final List<Method> LEASE = KnownMethods.of(Lease.class);
  private static final List<Method> BLOCKING = KnownMethods.of(BlockingConnection.class);
  private static final List<Method> SERVER = KnownMethods.of(Server.class);
  private static final List<Method> CLIENT = KnownMethods.of(Client.class);
  private static final List<List<Method>> OTHERS =
      List.of(
          KnownMethods.of(WebSocketControls.class),
          KnownMethods.of(Handshake.class),
          KnownMethods.of(SendOptions.class),
          KnownMethods.of(Batching.class),
          KnownMethods.of(ScheduledTask.class));

  private final Engine engine;
  private final Journal journal = new Journal("dev.millrace", this::fail);
  private final Map<Integer, Pair> byNumber = new ConcurrentHashMap<>();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final Set<Pair.Side> openSides = ConcurrentHashMap.newKeySet();
  private final Objects objects = new Objects();
  private final ExecutorService handlers = Executors.newSingleThreadExecutor(World::daemon);
  private final ExecutorService beside = Executors.newSingleThreadExecutor(World::daemon);
  private final Pair[] pairs = new Pair[PAIRS];
  private final long leakedBefore = LeaseWatch.leaked();
  private final Server server;
  private final Client client;
  private final Server endedServer;
  private final Client endedClient;
  private final Connection[] ended = new Connection[3];
  private final List<Pair> probes = new ArrayList<>();
  private volatile BlockingConnection blocking;
  private int nextNumber;
  private long played;
  private long sharedBefore;
  private boolean isSpoiled;

  World(Engine engine) throws Exception {
    this.engine = engine;
    server = start(engine, 2);
    client = Client.builder().engine(engine).limits(LIMITS).build();
    endedServer = start(engine, 1);
    endedClient = Client.builder().engine(engine).limits(LIMITS).build();
    Pair gone = open(endedServer, client, "/loop");
    Pair left = open(server, endedClient, "/loop");
    ended[0] = gone.server().connection();
    ended[1] = gone.client().connection();
    ended[2] = left.client().connection();
    endedServer.shutdown(Duration.ofSeconds(1));
    endedClient.close();
    Deadline.until(() -> openSides.isEmpty(), "their ends");
    // One on each loop: the first go where there are none.
    probes.add(open(server, client, "/loop"));
    probes.add(open(server, client, "/loop"));
    sharedBefore = shared();
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "misuse");
    thread.setDaemon(true);
    return thread;
  }

  private Server start(Engine engine, int loops) throws Exception {
    return Server.builder()
        .engine(engine)
        .loops(loops)
        .limits(LIMITS)
        .listen("ws://127.0.0.1:0")
        .route("/loop/{pair}", Announced::new)
        .route("/queue/{pair}", Announced::new, HandlerExecutor.of(handlers))
        .route("/blocking", (connection, message) -> {})
        .start();
  }

  /** The server's side of a pair, once its number is known. */
  private final class Announced implements Handler {
    private Pair.Side side;

    @Override
    public void onOpen(Connection connection) {
      side = byNumber.get(Integer.valueOf(connection.handshake().parameter("pair"))).server();
      side.onOpen(connection);
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      side.onMessage(connection, message);
    }

    @Override
    public void onClose(Connection connection, dev.millrace.CloseReason reason) {
      side.onClose(connection, reason);
    }
  }

  private Pair open(Server server, Client client, String route) throws Exception {
    Pair pair = new Pair(this, nextNumber++);
    byNumber.put(pair.number(), pair);
    URI uri = server.addresses().get(0).resolve(route + '/' + pair.number());
    Deadline.await(client.connect(uri, pair.client()), "a connection");
    pair.client().awaitOpen();
    pair.server().awaitOpen();
    byNumber.remove(pair.number());
    return pair;
  }

  void sideOpened(Pair.Side side) {
    openSides.add(side);
  }

  void sideEnded(Pair.Side side) {
    openSides.remove(side);
  }

  void fail(Throwable thrown) {
    failure.compareAndSet(null, thrown);
  }

  private void rethrow() {
    Throwable thrown = failure.getAndSet(null);
    if (thrown != null) {
      throw new AssertionError(thrown.toString(), thrown);
    }
  }

  // ---- A sequence.

  void play(List<Step> steps) throws Exception {
    if (isSpoiled) {
      return; // the sequence is not to blame, nor one that is cut down
    }
    journal.played(steps);
    prepare();
    Phaser running = new Phaser(1);
    for (Step step : steps) {
      begin(step, running);
    }
    finish(running);
    rethrow();
    if (++played % LOOK == 0) {
      leaveNothing();
    }
    if (played % PROGRESS == 0) {
      System.out.println("misuse: " + engine + ", " + played + " sequences");
    }
  }

  private void prepare() throws Exception {
    for (int i = 0; i < PAIRS; i++) {
      if (pairs[i] == null) {
        pairs[i] = open(server, client, i == 0 ? "/queue" : "/loop");
      }
    }
    if (blocking == null || !blocking.connection().isOpen()) {
      if (blocking != null) {
        blocking.close();
      }
      blocking = client.open(server.addresses().get(0).resolve("/blocking"));
    }
    for (int i = 0; i < PAIRS; i++) {
      keepLease(i, i % 2 == 0 ? pairs[i].server() : pairs[i].client());
    }
  }

  /** For the calls of the sequence to begin with; the last one is used up. */
  private void keepLease(int index, Pair.Side side) {
    Lease lease = side.connection().lease(64);
    lease.buffer().put((byte) side.pair().letter());
    objects.keep(index, lease, side.pair().bit());
    if (index == PAIRS - 1) {
      lease.close();
    }
  }

  /** Everything that was begun has been done; what cannot serve again is given up. */
  private void finish(Phaser running) throws Exception {
    for (Pair pair : pairs) {
      awaitHandlers(pair.server());
      awaitHandlers(pair.client());
    }
    running.awaitAdvanceInterruptibly(running.arrive(), 10, TimeUnit.SECONDS);
    objects.clear();
    for (int i = 0; i < PAIRS; i++) {
      if (!pairs[i].isClean()) {
        giveUp(pairs[i]);
        pairs[i] = null;
      } else {
        pairs[i].server().connection().defaultSendOptions(SendOptions.defaults());
        pairs[i].client().connection().defaultSendOptions(SendOptions.defaults());
      }
    }
  }

  private static void giveUp(Pair pair) {
    letGo(pair.server());
    letGo(pair.client());
    pair.client().connection().close();
  }

  /** Nothing that the sequence did keeps messages back. */
  private static void letGo(Pair.Side side) {
    Connection connection = side.connection();
    connection.resume();
    connection.request(Long.MAX_VALUE);
    connection.requestBytes(Long.MAX_VALUE);
    connection.batch(Batching.none());
  }

  private static void awaitHandlers(Pair.Side side) {
    Deadline.until(
        () -> {
          boolean isWaiting =
              side.hasWork() && side.connection().isOpen() && side.peer().connection().isOpen();
          if (isWaiting) {
            // Each time: another thread may only now come to a call that keeps them back.
            letGo(side);
            letGo(side.peer());
          }
          return !isWaiting;
        },
        "a handler");
    side.runLeft();
  }

  // ---- A step.

  private void begin(Step step, Phaser running) {
    Pair pair = pairs[step.target() % PAIRS];
    Pair.Side side = (step.target() / PAIRS) % 2 == 0 ? pair.server() : pair.client();
    Pair.Side other = pairs[(step.target() / 64) % PAIRS].server();
    running.register();
    Runnable here =
        () -> {
          try {
            call(step, side, null, 0);
          } finally {
            running.arriveAndDeregister();
          }
        };
    Pair.InHandler inHandler =
        (at, message, origins) -> {
          try {
            call(step, at, message, origins);
          } finally {
            running.arriveAndDeregister();
          }
        };
    switch (step.place()) {
      case HERE -> here.run();
      case LOOP -> onLoop(side, here);
      case OTHER_LOOP -> onLoop(other, here);
      case HANDLER -> {
        if (!side.runInHandler(inHandler)) {
          here.run();
        }
      }
      case ON_CLOSE -> {
        running.arriveAndDeregister();
        side.runAtEnd((at, message, origins) -> call(step, at, null, 0));
      }
      case THREAD -> beside.execute(here);
      case INTERRUPTED ->
          beside.execute(
              () -> {
                Thread.currentThread().interrupt();
                here.run();
                Thread.interrupted();
              });
    }
  }

  private static void onLoop(Pair.Side side, Runnable task) {
    if (!side.connection().execute(task)) {
      task.run();
    }
  }

  /** One call on the side, or on something that belongs to it. */
  private void call(Step step, Pair.Side side, Message message, long origins) {
    try {
      Random random = new Random(step.seed());
      int choice = step.method() % 100;
      int method = step.method() / 100;
      if (message != null) {
        objects.keep(random.nextInt(), message);
      }
      Arguments arguments = new Arguments(random, objects, side.pair().letter(), message, origins);
      if (choice < 55) {
        List<Method> methods = random.nextBoolean() ? SENDS : CONNECTION;
        callConnection(side, pick(methods, method), random, arguments);
      } else if (choice < 65) {
        Message called = (Message) arguments.make(Message.class);
        long from = called != null && called == message ? origins : 0;
        Object result = invoke(pick(MESSAGE, method), called, arguments);
        keep(result, random, from);
      } else if (choice < 75) {
        Objects.Held held = objects.lease(random.nextInt());
        if (held != null) {
          invoke(pick(LEASE, method), held.lease(), arguments);
        }
      } else if (choice < 81) {
        keep(callEnded(random, pick(CONNECTION, method), arguments), random, side.pair().bit());
      } else if (choice < 85) {
        callBlocking(step, pick(BLOCKING, method), arguments);
      } else if (choice < 90) {
        callOwner(random, method, arguments);
      } else {
        callOther(side, random, method, arguments);
      }
    } catch (Throwable t) {
      fail(new AssertionError(step + ": " + t, t));
    }
  }

  private static Method pick(List<Method> methods, int number) {
    return methods.get(number % methods.size());
  }

  private void callConnection(Pair.Side side, Method method, Random random, Arguments arguments)
      throws Throwable {
    // A sequence in which all close at once tries little.
    if (method.getName().equals("close") && random.nextInt(3) != 0) {
      return;
    }
    Object result = invoke(method, side.connection(), arguments, side.pair());
    if (result instanceof Lease lease) {
      fill(lease, side.pair().letter(), random);
    }
    keep(result, random, side.pair().bit());
  }

  private Object callEnded(Random random, Method method, Arguments arguments) throws Throwable {
    return invoke(method, ended[random.nextInt(ended.length)], arguments);
  }

  /** What would wait for ever is called where it is interrupted. */
  private void callBlocking(Step step, Method method, Arguments arguments) throws Throwable {
    BlockingConnection called = blocking;
    boolean waits =
        method.getName().equals("receive") && method.getParameterCount() == 0
            || method.getName().equals("send") && !called.connection().isWritable();
    boolean isLong = method.getName().equals("receive") && method.getParameterCount() == 1;
    if (step.place() == Step.Place.INTERRUPTED) {
      invoke(method, called, arguments);
    } else if (isLong) {
      assertTrue(
          step.place() == Step.Place.LOOP
              || step.place() == Step.Place.HANDLER
              || step.place() == Step.Place.OTHER_LOOP
              || step.place() == Step.Place.ON_CLOSE
              || receivesNothing(called));
    } else if (!waits && !method.getName().equals("close") || step.place() == Step.Place.HERE) {
      if (!waits) {
        invoke(method, called, arguments);
      }
    }
  }

  private static boolean receivesNothing(BlockingConnection called) throws InterruptedException {
    try {
      return called.receive(Duration.ofNanos(1)).isEmpty();
    } catch (IllegalStateException ended) {
      return true;
    }
  }

  private void callOwner(Random random, int number, Arguments arguments) throws Throwable {
    boolean isServer = random.nextBoolean();
    Method method = pick(isServer ? SERVER : CLIENT, number);
    if (!Arrays.stream(method.getParameterTypes()).allMatch(Arguments::canMake)) {
      return;
    }
    boolean ends = ENDS.contains(method.getName());
    Object live = isServer ? server : client;
    Object over = isServer ? endedServer : endedClient;
    Object made = invoke(method, ends || random.nextBoolean() ? over : live, arguments);
    if (made instanceof Client another) {
      another.close();
    }
  }

  private void callOther(Pair.Side side, Random random, int number, Arguments arguments)
      throws Throwable {
    List<Method> methods = OTHERS.get(random.nextInt(OTHERS.size()));
    Method method = pick(methods, number);
    Class<?> type = method.getDeclaringClass();
    Object called;
    if (type == WebSocketControls.class) {
      called = side.connection().webSocket();
    } else if (type == Handshake.class) {
      called = side.connection().handshake();
    } else if (type == ScheduledTask.class) {
      called = objects.task(random.nextInt());
    } else {
      called = arguments.make(type);
    }
    keep(invoke(method, called, arguments), random, side.pair().bit());
  }

  private Object invoke(Method method, Object called, Arguments arguments) throws Throwable {
    return invoke(method, called, arguments, null);
  }

  private Object invoke(Method method, Object called, Arguments arguments, Pair to)
      throws Throwable {
    if (called == null) {
      return null;
    }
    Class<?>[] types = method.getParameterTypes();
    Object[] made = new Object[types.length];
    for (int i = 0; i < types.length; i++) {
      made[i] = arguments.make(types[i]);
    }
    if (to != null && arguments.origins() != 0) {
      to.allow(arguments.origins());
    }
    try {
      return method.invoke(called, made);
    } catch (InvocationTargetException e) {
      Throwable thrown = e.getCause();
      if (!KnownMethods.mayThrow(method, made, thrown)) {
        throw new AssertionError(
            KnownMethods.name(method) + Arrays.toString(made) + " threw " + thrown, thrown);
      }
      return null;
    }
  }

  private void keep(Object result, Random random, long origins) {
    if (result instanceof Lease lease) {
      objects.keep(random.nextInt(), lease, origins);
    } else if (result instanceof ScheduledTask task) {
      objects.keep(random.nextInt(), task);
    }
  }

  private static void fill(Lease lease, char letter, Random random) {
    int length = random.nextInt(Math.min(100, lease.capacity()) + 1);
    for (int i = 0; i < length; i++) {
      lease.buffer().put((byte) letter);
    }
  }

  // ---- The end.

  private long shared() {
    return server.statistics().get(0).use(MemoryArea.SHARED);
  }

  /** What every sequence together must not have changed. */
  void end() throws Exception {
    try {
      if (!isSpoiled) {
        leaveNothing();
        client.close();
        server.shutdown(Duration.ofSeconds(5));
        assertEquals(leakedBefore, LeaseWatch.leaked(), "leases that nobody ended");
        if (played >= PROGRESS) {
          System.out.println("misuse: " + engine + ", " + played + " sequences, nothing is left");
        }
      }
    } finally {
      client.close();
      server.shutdown(Duration.ZERO);
      handlers.shutdownNow();
      beside.shutdownNow();
      journal.close();
    }
  }

  /** Once its connections have ended, nothing is left of what was played. */
  private void leaveNothing() throws Exception {
    try {
      endConnections();
      objects.clear();
      assertFalse(server.terminated().toCompletableFuture().isDone(), "a loop has ended");
      Deadline.until(() -> turned() && blocksInUse(server.statistics()) == 0, "free blocks");
      Deadline.until(() -> turned() && blocksInUse(client.statistics()) == 0, "a client's blocks");
      Deadline.until(() -> turned() && shared() <= sharedBefore, "free shared blocks");
    } catch (AssertionError e) {
      isSpoiled = true;
      throw new AssertionError(e.getMessage() + '\n' + whatIsLeft(), e);
    }
    rethrow();
    journal.forget();
  }

  private void endConnections() throws Exception {
    if (blocking != null) {
      blocking.close();
    }
    for (int i = 0; i < PAIRS; i++) {
      if (pairs[i] != null) {
        giveUp(pairs[i]);
        pairs[i] = null;
      }
    }
    int left = 2 * probes.size();
    Deadline.until(() -> openSides.size() == left, "the end of every connection");
    Deadline.until(() -> server.connectionCount() == probes.size(), "no connection left");
    idle(handlers);
    idle(beside);
  }

  /** Ends the server and the client, which report their open leases. */
  private String whatIsLeft() throws Exception {
    StringBuilder text = new StringBuilder();
    text.append(engine).append(" engine, after ").append(played).append(" sequences\n");
    text.append("open: ").append(openSides).append('\n');
    text.append("shared: ").append(shared()).append(", before ").append(sharedBefore).append('\n');
    server.statistics().forEach(loop -> text.append("server: ").append(told(loop)).append('\n'));
    client.statistics().forEach(loop -> text.append("client: ").append(told(loop)).append('\n'));
    client.close();
    server.shutdown(Duration.ZERO);
    Deadline.await(server.terminated(), "the server's end");
    Path file = Path.of("target", "misuse-" + engine.name().toLowerCase(Locale.ROOT) + ".txt");
    return text.append(journal.tell(file.toAbsolutePath())).toString();
  }

  private static String told(LoopStatistics loop) {
    Map<Integer, Long> blocks = new TreeMap<>();
    for (int size = SMALLEST_BLOCK; size > 0; size <<= 1) {
      if (loop.blocksInUse(size) > 0) {
        blocks.put(size, loop.blocksInUse(size));
      }
    }
    return "blocks by size=" + blocks + ", " + loop;
  }

  /** What other threads have given back is free when its loop has turned. */
  private boolean turned() {
    for (Pair probe : probes) {
      assertTrue(probe.server().connection().execute(() -> {}), "a loop of the server has ended");
      assertTrue(probe.client().connection().execute(() -> {}), "the client's loop has ended");
    }
    return true;
  }

  private static void idle(ExecutorService executor) throws Exception {
    CountDownLatch idle = new CountDownLatch(1);
    executor.execute(idle::countDown);
    Deadline.await(idle, "an executor");
  }

  private static long blocksInUse(List<LoopStatistics> loops) {
    return loops.stream().mapToLong(LoopStatistics::blocksInUse).sum();
  }
}
