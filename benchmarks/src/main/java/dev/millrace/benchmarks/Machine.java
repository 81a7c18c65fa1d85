// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The processors this program may use, and what else keeps them busy.
 *
 * @param serverCore where every server runs
 * @param clientCore where the load generator runs
 */
record Machine(int serverCore, int clientCore, List<String> warnings) {
  private static final Path PROC = Path.of("/proc");
  private static final double QUIET_LOAD = 0.5;
  private static final double QUIET_SHARE = 0.05;
  private static final long SAMPLE_MILLIS = 1000;
  // The kernel reports times in /proc in this unit on every architecture we run on (USER_HZ).
  private static final double TICKS_PER_SECOND = 100;
  private static final int STEAL_FIELD = 8;

  /** Takes a second: it watches what the other processes do. */
  static Machine inspect() throws BenchException, InterruptedException {
    List<Integer> cores = allowedCores("self");
    List<String> warnings = new ArrayList<>();
    int server = cores.get(0);
    int client = cores.get(cores.size() > 1 ? 1 : 0);
    if (cores.size() < 2) {
      warnings.add(
          "1 core: server and load generator share it, so latency and msg/s say little here");
    } else {
      List<Integer> siblings = siblings(server);
      Optional<Integer> apart = cores.stream().filter(core -> !siblings.contains(core)).findFirst();
      client = apart.orElse(client);
      if (apart.isEmpty()) {
        warnings.add("cores " + server + " and " + client + " are two threads of one core");
      }
    }
    warnOfLoad(warnings);
    warnOfBusyProcesses(warnings);
    return new Machine(server, client, List.copyOf(warnings));
  }

  private static void warnOfLoad(List<String> warnings) throws BenchException {
    double load = Double.parseDouble(read(PROC.resolve("loadavg")).split(" ")[0]);
    if (load > QUIET_LOAD) {
      warnings.add(
          Figures.format(
              "load average %.2f: wait for the other work to end, only ratios may be read", load));
    }
  }

  private static void warnOfBusyProcesses(List<String> warnings) throws InterruptedException {
    Map<String, Double> before = cpuSeconds();
    long start = System.nanoTime();
    Thread.sleep(SAMPLE_MILLIS); // the length of the sample, not a wait for something to happen
    Map<String, Double> after = cpuSeconds();
    double elapsed = (System.nanoTime() - start) / 1e9;
    after.forEach(
        (process, seconds) -> {
          double share = (seconds - before.getOrDefault(process, seconds)) / elapsed;
          if (share > QUIET_SHARE) {
            warnings.add(
                Figures.format("%s uses %.0f %% of a core: stop it", process, share * 100));
          }
        });
  }

  /** CPU time of every process but this one, by pid and name. */
  private static Map<String, Double> cpuSeconds() {
    Map<String, Double> result = new HashMap<>();
    long self = ProcessHandle.current().pid();
    ProcessHandle.allProcesses()
        .filter(process -> process.pid() != self)
        .forEach(
            process -> {
              Path file = PROC.resolve(process.pid() + "/stat");
              try {
                String stat = Files.readString(file);
                int nameEnd = stat.lastIndexOf(')'); // the name may hold blanks and brackets
                String name = stat.substring(stat.indexOf('(') + 1, nameEnd);
                String[] fields = stat.substring(nameEnd + 2).split(" ");
                double ticks = Double.parseDouble(fields[11]) + Double.parseDouble(fields[12]);
                result.put(
                    "process " + process.pid() + " (" + name + ")", ticks / TICKS_PER_SECOND);
              } catch (IOException e) {
                // It ended between the listing and the reading: then it is not busy.
              }
            });
    return result;
  }

  /** The cores that a process, by pid or "self", may run on. */
  static List<Integer> allowedCores(String process) throws BenchException {
    for (String line : read(PROC.resolve(process + "/status")).split("\n")) {
      if (line.startsWith("Cpus_allowed_list:")) {
        return parseCores(line.substring(line.indexOf(':') + 1));
      }
    }
    throw new BenchException("/proc/" + process + "/status: no Cpus_allowed_list; use Linux");
  }

  /** Reads a list as the kernel writes it: {@code 0-2,5}. */
  static List<Integer> parseCores(String list) {
    List<Integer> cores = new ArrayList<>();
    for (String range : list.strip().split(",")) {
      String[] ends = range.split("-");
      int last = Integer.parseInt(ends[ends.length - 1]);
      for (int core = Integer.parseInt(ends[0]); core <= last; core++) {
        cores.add(core);
      }
    }
    return cores;
  }

  /**
   * How long the host of a virtual machine has given a core to others, in seconds. Without
   * paravirtual time accounting a task's CPU time includes it.
   */
  static double stolenSeconds(int core) throws BenchException {
    return stolenSeconds(read(PROC.resolve("stat")), core);
  }

  static double stolenSeconds(String stat, int core) {
    for (String line : stat.split("\n")) {
      String[] fields = line.split(" +");
      if (fields[0].equals("cpu" + core)) {
        return Double.parseDouble(fields[STEAL_FIELD]) / TICKS_PER_SECOND;
      }
    }
    return 0;
  }

  private static List<Integer> siblings(int core) throws BenchException {
    Path file = Path.of("/sys/devices/system/cpu/cpu" + core + "/topology/thread_siblings_list");
    return Files.exists(file) ? parseCores(read(file)) : List.of(core);
  }

  /** Whether a process's group was raised above the other sessions' (see {@link Children}). */
  static boolean raised(long pid) throws BenchException {
    Path file = PROC.resolve(pid + "/autogroup");
    return !Files.exists(file) || read(file).contains("nice -20");
  }

  static boolean runs(long pid) {
    return Files.exists(PROC.resolve(Long.toString(pid)));
  }

  /** What decides how kernel and processor behave; for the result file. */
  static Map<String, Object> facts() throws BenchException {
    Map<String, Object> facts = new HashMap<>();
    facts.put("kernel", read(PROC.resolve("sys/kernel/osrelease")).strip());
    facts.put("congestion", read(PROC.resolve("sys/net/ipv4/tcp_congestion_control")).strip());
    for (String line : read(PROC.resolve("cpuinfo")).split("\n")) {
      if (line.startsWith("model name")) {
        facts.put("processor", line.substring(line.indexOf(':') + 1).strip());
      }
    }
    return facts;
  }

  private static String read(Path file) throws BenchException {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new BenchException(file + ": cannot be read: " + e.getMessage());
    }
  }
}
