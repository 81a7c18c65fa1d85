// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;

/**
 * Measures our echo server against the floor, against other servers, and against peers that run
 * already.
 *
 * <p>In each cell the servers take turns, in reversed order every other time, so that what drifts
 * on the machine drifts under all of them; a ratio is formed from two measurements that stand side
 * by side.
 */
public final class Bench {
  private static final int FAILED = 1;
  private static final int MISUSED = 2;
  private static final double FLOOR_WARMUP_SECONDS = 0.5; // nothing to compile in it
  private static final int LONGEST_WORD = 200; // a class path tells nobody anything
  private static final String NETTY = "benchmarks/peers/netty/target";
  private static final String NETTY_MAIN = "dev.millrace.benchmarks.peers.netty.EchoServer";
  private static final String SCRIPT = "server.mjs";

  private final BenchOptions options;
  private final Path home;
  private final Path binaries;
  private final Machine machine;
  private final Children children;
  private final LoadGenerator load;
  private final PrintStream progress;

  private Bench(
      BenchOptions options,
      Path home,
      Path binaries,
      Machine machine,
      Children children,
      PrintStream progress)
      throws BenchException {
    this.options = options;
    this.home = home;
    this.binaries = binaries;
    this.machine = machine;
    this.children = children;
    this.progress = progress;
    this.load = new LoadGenerator(children, machine.clientCore(), program("wsload"));
  }

  /** Ends with status 0 when everything was measured, 1 when a run failed, 2 for misuse. */
  public static void main(String[] arguments) throws InterruptedException {
    try {
      BenchOptions options = BenchOptions.parse(arguments);
      if (options.help()) {
        System.out.print(BenchOptions.USAGE);
        return;
      }
      System.exit(run(options));
    } catch (UsageException e) {
      System.err.println("bench: " + e.getMessage());
      System.exit(MISUSED);
    } catch (BenchException e) {
      System.err.println("bench: " + e.getMessage());
      System.exit(FAILED);
    }
  }

  private static int run(BenchOptions options) throws BenchException, InterruptedException {
    Path home = folder("millrace.home");
    Path binaries = folder("millrace.bench.bin");
    checkJson(options);
    Machine machine = Machine.inspect();
    machine.warnings().forEach(warning -> System.err.println("warning: " + warning));
    // The launcher starts our server with the Java that this names.
    Map<String, String> environment = Map.of("JAVA_HOME", options.jvm().home().toString());
    try (Children children = new Children(home, environment)) {
      Bench bench = new Bench(options, home, binaries, machine, children, System.err);
      List<CellResult> results = bench.measure();
      Report.print(results, System.out);
      writeJson(options, machine, results);
      return results.stream().anyMatch(CellResult::failed) ? FAILED : 0;
    } catch (CancellationException e) {
      return FAILED; // stopped from outside: the figures are not whole, nothing is printed
    }
  }

  private static Path folder(String property) throws BenchException {
    String value = System.getProperty(property);
    if (value == null || !Files.isDirectory(Path.of(value))) {
      throw new BenchException(property + " is not a folder: start it with ./millrace bench");
    }
    return Path.of(value).toAbsolutePath();
  }

  private Path program(String name) throws BenchException {
    Path program = binaries.resolve(name);
    if (!Files.isExecutable(program)) {
      throw new BenchException(program + " is not built: start it with ./millrace bench");
    }
    return program;
  }

  private List<CellResult> measure() throws BenchException, InterruptedException {
    for (Peer peer : options.peers()) {
      checkPeer(peer);
    }
    progress.println("servers written in Java run on Java " + options.jvm().version());
    Map<String, StartedServer> servers = startServers();
    List<CellResult> results = new ArrayList<>();
    for (Cell cell : options.cells()) {
      progress.printf("cell %d/%d: %s%n", results.size() + 1, options.cells().size(), cell.title());
      Map<String, StartedServer> used = new LinkedHashMap<>();
      used.put(Peer.OURS, servers.get(Peer.OURS));
      if (options.comparison().hasFloor()) {
        used.put(Peer.FLOOR, servers.get(floorOf(cell)));
      }
      peerCommands().keySet().forEach(name -> used.put(name, servers.get(name)));
      double stolenBefore = Machine.stolenSeconds(machine.serverCore());
      long start = System.nanoTime();
      CellResult result = measure(cell, used);
      double elapsed = (System.nanoTime() - start) / 1e9;
      result.stolenShare((Machine.stolenSeconds(machine.serverCore()) - stolenBefore) / elapsed);
      results.add(result);
    }
    return results;
  }

  private static String floorOf(Cell cell) {
    return cell.assembled() ? "floor --assemble" : Peer.FLOOR;
  }

  /** Only those that the chosen cells need. */
  private Map<String, StartedServer> startServers() throws BenchException, InterruptedException {
    Map<String, StartedServer> servers = new LinkedHashMap<>();
    servers.put(Peer.OURS, start(Peer.OURS, ourCommand()));
    if (options.comparison().hasFloor()) {
      startFloors(servers);
    }
    for (Map.Entry<String, List<String>> peer : peerCommands().entrySet()) {
      servers.put(peer.getKey(), start(peer.getKey(), peer.getValue()));
    }
    if (!Machine.raised(servers.get(Peer.OURS).peer().pid())) {
      progress.println("warning: only root may raise the servers above the work of other sessions");
    }
    return servers;
  }

  private void startFloors(Map<String, StartedServer> servers)
      throws BenchException, InterruptedException {
    for (Cell cell : options.cells()) {
      String name = floorOf(cell);
      if (!servers.containsKey(name)) {
        List<String> command =
            new ArrayList<>(List.of(program("rawecho").toString(), "--port", "0"));
        if (cell.assembled()) {
          command.add("--assemble");
        }
        servers.put(name, start(Peer.FLOOR, command));
      }
    }
  }

  private StartedServer start(String name, List<String> command)
      throws BenchException, InterruptedException {
    StringJoiner line = new StringJoiner(" ", "starting ", "");
    command.forEach(word -> line.add(word.length() > LONGEST_WORD ? "..." : word));
    progress.println(line);
    return StartedServer.start(children, machine.serverCore(), name, command);
  }

  private List<String> ourCommand() throws BenchException {
    String port = Integer.toString(freePort());
    return options.ours().stream().map(word -> word.replace("{port}", port)).toList();
  }

  /** What starts the servers of others that are asked for, by name. */
  private Map<String, List<String>> peerCommands() throws BenchException {
    return switch (options.comparison()) {
      case FLOOR -> Map.of();
      case NETTY, NETTY_NIO -> nettyCommands();
      case DEFLATE -> scriptCommands();
    };
  }

  private Map<String, List<String>> scriptCommands() throws BenchException {
    Path peers = folder("millrace.bench.peers");
    Map<String, List<String>> commands = new LinkedHashMap<>();
    Path bun = peers.resolve("bun");
    commands.put(Peer.BUN, List.of(bunProgram(bun).toString(), bun.resolve(SCRIPT).toString()));
    commands.put(Peer.NODE_WS, List.of("node", peers.resolve("ws").resolve(SCRIPT).toString()));
    return commands;
  }

  /** The package of the one platform that npm chose. */
  private static Path bunProgram(Path folder) throws BenchException {
    Path packages = folder.resolve("node_modules/@oven");
    try (Stream<Path> platforms = Files.list(packages)) {
      return platforms
          .map(platform -> platform.resolve("bin/bun"))
          .filter(Files::isExecutable)
          .findFirst()
          .orElseThrow(() -> new BenchException("npm has no Bun for this platform"));
    } catch (IOException e) {
      throw new BenchException(packages + " is not there: start it with ./millrace bench");
    }
  }

  private Map<String, List<String>> nettyCommands() throws BenchException {
    Path folder = home.resolve(NETTY);
    String classPath;
    try {
      classPath = folder.resolve("classes") + ":" + Files.readString(folder.resolve("classpath"));
    } catch (IOException e) {
      throw new BenchException(folder + " is not built: start it with ./millrace bench");
    }
    Map<String, List<String>> commands = new LinkedHashMap<>();
    if (options.comparison() == Comparison.NETTY_NIO) {
      commands.put(Peer.NETTY_NIO, nettyCommand(classPath, "--tuned", "--transport", "nio"));
    } else {
      commands.put(Peer.NETTY_TUNED, nettyCommand(classPath, "--tuned"));
      commands.put(Peer.NETTY_DEFAULT, nettyCommand(classPath, "--default"));
    }
    return commands;
  }

  private List<String> nettyCommand(String classPath, String... mode) {
    List<String> arguments = new ArrayList<>(List.of(mode));
    arguments.addAll(List.of("--port", "0"));
    return options.jvm().command(classPath.strip(), NETTY_MAIN, arguments.toArray(new String[0]));
  }

  private static int freePort() throws BenchException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new BenchException("no free port on the loopback address: " + e.getMessage());
    }
  }

  private void checkPeer(Peer peer) throws BenchException {
    if (!Machine.runs(peer.pid())) {
      throw new BenchException("peer " + peer.name() + ": no process " + peer.pid());
    }
    if (!Machine.allowedCores(Long.toString(peer.pid())).equals(List.of(machine.serverCore()))) {
      progress.printf(
          "warning: peer %s may run on other cores: start it with taskset -c %d%n",
          peer.name(), machine.serverCore());
    }
  }

  private CellResult measure(Cell cell, Map<String, StartedServer> servers)
      throws BenchException, InterruptedException {
    List<String> names = new ArrayList<>(servers.keySet());
    options.peers().forEach(peer -> names.add(peer.name()));
    CellResult result = new CellResult(cell, names);
    List<Peer> peers = new ArrayList<>();
    servers.forEach(
        (name, server) -> {
          if (server.runs()) {
            peers.add(server.peer());
          } else {
            result.fail(name, "it has ended; " + server.lastWords());
          }
        });
    peers.addAll(options.peers());
    peers.removeIf(peer -> !succeeds(result, peer, () -> warmUp(cell, peer)));
    for (int pair = 0; pair < options.pairs(); pair++) {
      if (result.fault(Peer.OURS) != null || peers.size() < 2) {
        break; // nothing is left to compare
      }
      List<Peer> turn = new ArrayList<>(peers);
      if (pair % 2 == 1) {
        Collections.reverse(turn);
      }
      for (Peer peer : turn) {
        if (!succeeds(
            result,
            peer,
            () -> result.add(peer.name(), load.measure(cell, peer, options.seconds())))) {
          peers.remove(peer);
        }
      }
      progress.println(line(result, pair));
    }
    return result;
  }

  private void warmUp(Cell cell, Peer peer) throws BenchException, InterruptedException {
    boolean floor = peer.name().equals(Peer.FLOOR);
    load.warmUp(cell, peer, floor ? FLOOR_WARMUP_SECONDS : options.warmupSeconds());
  }

  private interface Step {
    void run() throws BenchException, InterruptedException;
  }

  /** A failed step becomes the server's fault in this cell; being stopped ends everything. */
  private boolean succeeds(CellResult result, Peer peer, Step step) {
    try {
      step.run();
      return true;
    } catch (BenchException e) {
      if (children.isClosed()) {
        throw new CancellationException();
      }
      result.fail(peer.name(), String.valueOf(e.getMessage()));
      progress.println("  " + peer.name() + " failed: " + e.getMessage());
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException();
    }
  }

  private String line(CellResult result, int pair) {
    StringJoiner line = new StringJoiner(", ");
    for (String name : result.names()) {
      List<Run> runs = result.runs(name);
      if (!runs.isEmpty()) {
        double micros = runs.get(runs.size() - 1).serverMicros();
        line.add(Figures.format("%s %.3f us/msg", name, micros) + lastRatio(result, name));
      }
    }
    return "  pair " + (pair + 1) + "/" + options.pairs() + ": " + line;
  }

  private static String lastRatio(CellResult result, String other) {
    List<Double> ratios = result.ratios(other);
    return other.equals(Peer.OURS) || ratios.isEmpty()
        ? ""
        : Figures.format(" (ratio %.3f)", ratios.get(ratios.size() - 1));
  }

  private static void checkJson(BenchOptions options) throws BenchException {
    Path file = options.json();
    if (file == null) {
      return;
    }
    Path parent = file.toAbsolutePath().getParent();
    if (parent == null || !Files.isWritable(parent) || Files.isDirectory(file)) {
      throw new BenchException("--json " + file + ": cannot be written; name another file");
    }
  }

  private static void writeJson(BenchOptions options, Machine machine, List<CellResult> results)
      throws BenchException {
    Path file = options.json();
    if (file == null) {
      return;
    }
    try {
      Object json = Report.json(options, machine, Machine.facts(), results);
      Files.writeString(file, Json.write(json) + "\n");
    } catch (IOException e) {
      throw new BenchException("--json " + file + ": cannot be written: " + e.getMessage());
    }
  }
}
