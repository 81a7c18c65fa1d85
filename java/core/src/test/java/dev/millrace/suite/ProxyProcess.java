// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** An nginx or haproxy of this machine, with a configuration and a folder of its own. */
public final class ProxyProcess implements AutoCloseable {
  private static final int PORTS = 1_000;
  private static final Path NGINX = Path.of("/usr/sbin/nginx");
  private static final Path HAPROXY = Path.of("/usr/sbin/haproxy");
  private static final Path STREAM = Path.of("/usr/lib/nginx/modules/ngx_stream_module.so");

  private final String name;
  private final Process process;
  private final Path log;

  private ProxyProcess(String name, Process process, Path log) {
    this.name = name;
    this.process = process;
    this.log = log;
  }

  /**
   * Fails where the packages could be installed and are not; where there are none, their tests are
   * skipped.
   */
  public static void requirePackages() {
    List<String> missing = new ArrayList<>();
    for (Path needed : List.of(NGINX, HAPROXY, STREAM)) {
      if (!Files.exists(needed)) {
        missing.add(needed.toString());
      }
    }
    if (!missing.isEmpty()) {
      assumeTrue(
          Files.isExecutable(Path.of("/usr/bin/apt-get")),
          () -> "no Debian, and no " + missing + ": nothing is tried behind real proxies");
      fail("no " + missing + ": install the packages nginx libnginx-mod-stream haproxy");
    }
  }

  /**
   * Ports of the loopback that nobody uses now; all are different. None of those that the system
   * gives to whoever connects: somebody else would have it before the proxy listens.
   */
  public static int[] freePorts(int count) throws IOException {
    // Tests run in several processes; each chooses from its own.
    int first = 15_000 + (int) (ProcessHandle.current().pid() % 16) * PORTS;
    List<ServerSocket> held = new ArrayList<>();
    try {
      while (held.size() < count) {
        int port = first + ThreadLocalRandom.current().nextInt(PORTS);
        try {
          held.add(new ServerSocket(port, 1, InetAddress.getLoopbackAddress()));
        } catch (BindException taken) {
          // another one, then
        }
      }
      return held.stream().mapToInt(ServerSocket::getLocalPort).toArray();
    } finally {
      for (ServerSocket socket : held) {
        socket.close();
      }
    }
  }

  /**
   * Starts nginx, and returns when it takes connections.
   *
   * @param folder for all its files
   * @param http what stands in its block of that name
   * @param stream what stands in that one
   * @param ports where it listens by that
   */
  public static ProxyProcess nginx(Path folder, String http, String stream, int... ports)
      throws Exception {
    StringBuilder text = new StringBuilder("daemon off;\nmaster_process off;\n");
    text.append("pid ").append(folder).append("/nginx.pid;\n");
    if (!stream.isEmpty()) {
      text.append("load_module ").append(STREAM).append(";\n");
    }
    text.append("events {}\nhttp {\naccess_log off;\n");
    for (String scratch : List.of("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) {
      text.append(scratch + "_temp_path " + folder.resolve(scratch) + ";\n");
    }
    text.append(http).append("}\n");
    if (!stream.isEmpty()) {
      text.append("stream {\n").append(stream).append("}\n");
    }
    Path configuration = Files.writeString(folder.resolve("nginx.conf"), text);
    return start(folder, ports, NGINX, "-e", "stderr", "-p", folder, "-c", configuration);
  }

  /**
   * Starts haproxy, and returns when it takes connections.
   *
   * @param folder for all its files
   * @param text its whole configuration
   * @param ports where it listens by that
   */
  public static ProxyProcess haproxy(Path folder, String text, int... ports) throws Exception {
    Path configuration = Files.writeString(folder.resolve("haproxy.cfg"), text);
    return start(folder, ports, HAPROXY, "-db", "-f", configuration);
  }

  private static ProxyProcess start(Path folder, int[] ports, Object... command) throws Exception {
    List<String> words = new ArrayList<>();
    for (Object word : command) {
      words.add(word.toString());
    }
    String name = ((Path) command[0]).getFileName().toString();
    Path log = folder.resolve(name + ".log");
    Process process =
        new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    ProxyProcess proxy = new ProxyProcess(name, process, log);
    try {
      for (int port : ports) {
        Deadline.until(() -> proxy.listens(port), name + " to listen on " + port);
      }
      return proxy;
    } catch (Throwable t) {
      proxy.close();
      throw t;
    }
  }

  private boolean listens(int port) {
    if (!process.isAlive()) {
      throw new AssertionError(name + " has ended: " + said());
    }
    try (Socket probe = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return probe.isConnected();
    } catch (IOException notYet) {
      return false;
    }
  }

  /** What it has written so far. */
  public String said() {
    try {
      return Files.readString(log);
    } catch (IOException unreadable) {
      return unreadable.toString();
    }
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().orTimeout(Deadline.WAIT.toSeconds(), TimeUnit.SECONDS).join();
  }
}
