// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import dev.millrace.Engine;
import dev.millrace.siege.Honest.Trips;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * The program behind {@code ./millrace siege}: a server with a small ceiling, a crowd of hostile
 * peers, and one honest client, each in a process of its own. Memory is what the system says the
 * server's process has.
 */
public final class Siege {
  static final int MAX_MESSAGE_BYTES = 1 << 20;
  static final int MAX_FRAGMENTS = 65_536;
  static final int MARK_BYTES = 64 << 10;
  static final int COMPRESSION_BYTES = 8 << 20;
  static final int SOCKET_BYTES = 16 << 10;

  /** What the server may take for payloads, as {@code Limits.maxMemoryBytes} has it. */
  static final long CEILING_BYTES = 128L << 20;

  /** What a loop may keep for the next message. */
  private static final long KEPT_BYTES = 8 << 20;

  /**
   * What comes to the ceiling: the virtual machine as it is before the first attack, its heap
   * touched, and this for code that is compiled on the way and for tables.
   */
  private static final long FIXED_BYTES = 24 << 20;

  /** What malloc keeps over all attacks: of the JVM's compilers, and of buffers that were freed. */
  private static final long MALLOC_BYTES = 32 << 20;

  /**
   * How much slower an honest peer may be served: by this ratio, or by no more than what processes
   * that share two processors do to each other's wake-ups.
   */
  private static final double MAX_RATIO = 2;

  private static final double WAKE_UPS_MILLIS = 0.1;

  private static final int TRIES = 3;

  private static final int LOOPS = 1;
  private static final int HEAP_MIB = 64;

  /**
   * Those who have each exchanged one long message, and what it was; so many are in the middle of
   * it at once, which is less than the ceiling has room for.
   */
  private static final int BUSY = 500;

  private static final int AT_ONCE = 250;
  private static final byte[] BUSY_MESSAGE = new byte[256 << 10];
  private static final Duration PAGES_BACK = Duration.ofSeconds(5);

  /** How long it may take until nothing is left of an attack. */
  private static final Duration CALM = Duration.ofSeconds(60);

  private final SiegeOptions options;
  private final PrintStream out;
  private final List<String> failures = new ArrayList<>();
  private Engine engine;
  private Child server;
  private Child crowd;
  private Honest honest;
  private int port;
  private long base;

  Siege(SiegeOptions options, PrintStream out) {
    this.options = options;
    this.out = out;
  }

  /** Returns what was not as it should be, a sentence each. */
  List<String> run() throws Exception {
    for (Engine each : options.engines()) {
      engine = each;
      besiege();
    }
    return failures;
  }

  private void besiege() throws Exception {
    List<String> options =
        List.of(
            "-Xms" + HEAP_MIB + "m",
            "-Xmx" + HEAP_MIB + "m",
            "-XX:+AlwaysPreTouch",
            // What the Java engine has dropped is the collector's until this is reached.
            "-XX:MaxDirectMemorySize=" + CEILING_BYTES);
    List<String> arguments =
        List.of(engine.name(), Integer.toString(LOOPS), Long.toString(CEILING_BYTES));
    try (Child started = Child.start(SiegeServer.class, options, arguments)) {
      server = started;
      port = Integer.parseInt(server.read());
      List<String> few = List.of("-Xmx256m");
      try (Child attackers =
              Child.startElsewhere(Crowd.class, few, List.of(Integer.toString(port)));
          Honest client = Honest.start(port)) {
        crowd = attackers;
        honest = client;
        warmUp();
        for (Attack attack : this.options.attacks()) {
          attackPaced(attack);
          if (!this.options.isShort() && attack.perSecond() > 0) {
            attack(attack, 0);
          }
        }
        if (this.options.attacks().size() > 1) {
          givePagesBack();
        }
      }
    }
  }

  /** Loads and compiles what will be measured. */
  private void warmUp() throws Exception {
    Attack first = options.attacks().get(0);
    crowd.ask("begin %s %d %d".formatted(first.label(), 10, 100));
    awaitTrips(options.isShort() ? 200 : 3_000);
    crowd.ask("end");
    awaitQuiet(first.label());
    base = server.resident();
    out.printf(
        Locale.ROOT,
        "%s: ceiling %d MiB, mark %d KiB a connection; the process has %d MiB before%n",
        engine.name().toLowerCase(Locale.ROOT),
        CEILING_BYTES >> 20,
        MARK_BYTES >> 10,
        base >> 20);
  }

  private void awaitTrips(int count) {
    int[] seen = new int[1];
    Deadline.until(
        () -> honest.failure() != null || (seen[0] += honest.take().count()) >= count,
        count + " round trips");
  }

  private Trips tripsOf(double seconds) {
    honest.take();
    pause(seconds);
    return honest.take();
  }

  private static void pause(double seconds) {
    long end = System.nanoTime() + (long) (seconds * 1e9);
    while (System.nanoTime() < end) {
      LockSupport.parkNanos(end - System.nanoTime());
    }
  }

  private Map<String, String> statistics() {
    try {
      Map<String, String> values = new HashMap<>();
      for (String pair : server.ask("statistics").split(" ")) {
        values.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
      }
      return values;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whatever else this machine does only makes it slower: who is fast enough once can be. */
  private void attackPaced(Attack attack) throws Exception {
    boolean isJudged = !options.isShort();
    Slowdown least = attack(attack, attack.perSecond());
    for (int again = 1; again < TRIES && isJudged && !least.isSmall(); again++) {
      Slowdown next = attack(attack, attack.perSecond());
      least = next.ratio() < least.ratio() ? next : least;
    }
    if (isJudged && !least.isSmall()) {
      fail(
          "%s: the honest p99 is %.2f times the quiet one, and %.3f ms more"
              .formatted(attack.label(), least.ratio(), least.millisMore()));
    }
  }

  /** What an attack did to the honest client's p99. */
  private record Slowdown(double quietMillis, double millis) {
    double ratio() {
      return millis / quietMillis;
    }

    double millisMore() {
      return millis - quietMillis;
    }

    boolean isSmall() {
      return ratio() <= MAX_RATIO || millisMore() <= WAKE_UPS_MILLIS;
    }
  }

  private Slowdown attack(Attack attack, int rate) throws Exception {
    String name = attack.label() + (rate == 0 && attack.perSecond() > 0 ? ", unpaced" : "");
    double seconds = options.seconds();
    // As long as the attack: the slowest hundredth of both is of as many trips.
    Trips quiet = tripsOf(options.isShort() ? 0 : seconds);
    long before = server.resident();
    int descriptors = server.descriptors();
    server.forgetPeak();
    Map<String, String> earlier = statistics();

    int connections = attack.connections(options.connections());
    crowd.ask("begin %s %d %d".formatted(attack.label(), connections, rate));
    Duration serverCpu = server.cpu();
    Duration crowdCpu = crowd.cpu();
    Trips during = tripsOf(seconds);
    serverCpu = server.cpu().minus(serverCpu);
    crowdCpu = crowd.cpu().minus(crowdCpu);
    Map<String, String> later = statistics();
    String[] done = crowd.ask("end").split(" ");
    long peak = server.peak();

    awaitQuiet(name);
    Trips after = tripsOf(options.isShort() ? 0 : seconds / 2);
    long left = residentSoon(before + LOOPS * KEPT_BYTES + FIXED_BYTES);
    long each = MARK_BYTES + attack.messageBytes();
    // Of the Java engine the process also has what is dropped and not yet collected.
    long marks = engine == Engine.JAVA ? CEILING_BYTES : connections * each;
    long bound = Math.min(CEILING_BYTES, marks) + FIXED_BYTES;
    Slowdown slowdown = new Slowdown(quiet.percentileMillis(99), during.percentileMillis(99));
    out.printf(
        Locale.ROOT,
        "  %s: %s%n    %d connections, %.0f frames a second, %s returned;"
            + " cpu of the server %.0f %%, of the crowd %.0f %%%n",
        name,
        attack.what(),
        connections,
        Long.parseLong(done[0]) * attack.frames() / seconds,
        done[1],
        serverCpu.toNanos() / seconds / 1e7,
        crowdCpu.toNanos() / seconds / 1e7);
    out.printf(
        Locale.ROOT,
        "    resident %d -> %d -> %d MiB, grew by %d of %d; blocks in use %d MiB; closes %s%n",
        before >> 20,
        peak >> 20,
        left >> 20,
        peak - before >> 20,
        bound >> 20,
        Long.parseLong(later.get("blockBytes")) >> 20,
        closes(earlier, statistics()));
    if (!options.isShort()) {
      out.printf(
          Locale.ROOT,
          "    honest p50 %.3f -> %.3f -> %.3f ms, p99 %.3f -> %.3f -> %.3f ms: x %.2f%n",
          quiet.percentileMillis(50),
          during.percentileMillis(50),
          after.percentileMillis(50),
          quiet.percentileMillis(99),
          during.percentileMillis(99),
          after.percentileMillis(99),
          slowdown.ratio());
    }
    require(
        peak - before <= bound, name + ": grew by " + (peak - before) + " bytes, limit " + bound);
    long most = base + CEILING_BYTES + FIXED_BYTES + MALLOC_BYTES;
    require(peak <= most, name + ": resident " + peak + ", limit " + most);
    require(
        server.descriptors() <= descriptors,
        name + ": " + server.descriptors() + " descriptors, " + descriptors + " before");
    require(
        engine == Engine.JAVA || left - before <= LOOPS * KEPT_BYTES + FIXED_BYTES,
        name + ": " + (left - before) + " bytes are not given back");
    require(during.count() > 0, name + ": no round trip of the honest client");
    return slowdown;
  }

  /** Codes and how often, of what was closed meanwhile. */
  private static String closes(Map<String, String> earlier, Map<String, String> later) {
    Map<String, Long> counts = new TreeMap<>();
    for (String entry : later.get("closes").split(",")) {
      if (!entry.isEmpty()) {
        counts.put(entry.split(":")[0], Long.parseLong(entry.split(":")[1]));
      }
    }
    for (String entry : earlier.get("closes").split(",")) {
      if (!entry.isEmpty()) {
        counts.merge(entry.split(":")[0], -Long.parseLong(entry.split(":")[1]), Long::sum);
      }
    }
    counts.values().removeIf(count -> count == 0);
    return counts.toString();
  }

  /** What is queued already may keep handlers busy for a while. */
  private static boolean comesTrue(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > CALM.toNanos()) {
        return false;
      }
      pause(0.02);
    }
    return true;
  }

  /**
   * All is as if nobody had come: but for the honest client nobody is there, and nothing is held.
   */
  private void awaitQuiet(String name) throws Exception {
    Map<String, String> last = new HashMap<>();
    if (!comesTrue(() -> isQuiet(last))) {
      fail(name + ": not quiet afterwards: " + last);
    }
    try (EchoClient newcomer = EchoClient.connect(port)) {
      byte[] payload = {1, 2, 3};
      byte[] frame = Frame.binary(payload).bytes();
      newcomer.write(frame, 0, frame.length);
      newcomer.expect(payload);
    }
    Throwable failure = honest.failure();
    if (failure != null) {
      throw new AssertionError(name + ": the honest client was not served", failure);
    }
    if (!comesTrue(() -> isQuiet(last))) {
      fail(name + ": the newcomer has not left: " + last);
    }
  }

  private boolean isQuiet(Map<String, String> last) {
    last.putAll(statistics());
    return last.get("connections").equals("1")
        && last.get("blocks").equals("0")
        // Which takes a second: in short only what the pages of many show at the end.
        && (options.isShort() || Long.parseLong(last.get("kept")) <= LOOPS * KEPT_BYTES);
  }

  /** What is resident once it is no more than that, or when that has taken too long. */
  private long residentSoon(long limit) throws Exception {
    long start = System.nanoTime();
    long resident = server.resident();
    while (resident > limit && System.nanoTime() - start < PAGES_BACK.toNanos()) {
      pause(0.05);
      resident = server.resident();
    }
    return resident;
  }

  /** One long echo for each of many: what it took goes back to the system while they stay. */
  private void givePagesBack() throws Exception {
    long before = server.resident();
    byte[] frame = Frame.binary(BUSY_MESSAGE).bytes();
    List<EchoClient> clients = new ArrayList<>();
    try {
      for (int i = 0; i < BUSY; i++) {
        clients.add(EchoClient.connect(port));
      }
      server.forgetPeak();
      for (int wave = 0; wave < BUSY; wave += AT_ONCE) {
        List<EchoClient> busy = clients.subList(wave, wave + AT_ONCE);
        for (EchoClient client : busy) {
          client.write(frame, 0, frame.length / 2);
        }
        for (EchoClient client : busy) {
          client.write(frame, frame.length / 2, frame.length);
          client.expect(BUSY_MESSAGE);
        }
      }
      long end = System.nanoTime();
      long peak = server.peak();
      long limit = before + LOOPS * KEPT_BYTES + FIXED_BYTES;
      long resident = residentSoon(limit);
      out.printf(
          Locale.ROOT,
          "  pages: %d connections, an echo of 256 KiB each%n"
              + "    resident %d -> %d -> %d MiB, %.1f s later%n",
          BUSY,
          before >> 20,
          peak >> 20,
          resident >> 20,
          (System.nanoTime() - end) / 1e9);
      require(resident <= limit, "pages: resident " + resident + ", limit " + limit);
    } finally {
      for (EchoClient client : clients) {
        client.close();
      }
    }
    awaitQuiet("pages");
  }

  private void require(boolean condition, String otherwise) {
    if (!condition) {
      fail(otherwise);
    }
  }

  private void fail(String what) {
    failures.add(engine.name().toLowerCase(Locale.ROOT) + ": " + what);
    out.println("    FAILED: " + what);
  }

  public static void main(String[] arguments) throws Exception {
    SiegeOptions options;
    try {
      options = SiegeOptions.parse(arguments);
    } catch (IllegalArgumentException misuse) {
      System.err.println("siege: " + misuse.getMessage());
      System.exit(2);
      return;
    }
    List<String> failures = new Siege(options, System.out).run();
    failures.forEach(failure -> System.out.println("FAILED: " + failure));
    System.exit(failures.isEmpty() ? 0 : 1);
  }
}
