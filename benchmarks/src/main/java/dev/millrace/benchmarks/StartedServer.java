// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A server that we start. It is ready when it prints a line {@code listening URL ...}; everything
 * it prints is read until it ends, so that it never waits for us.
 */
final class StartedServer {
  // The launcher builds what is not built before it starts, which takes minutes on one core.
  private static final long READY_SECONDS = 300;
  private static final String READY = "listening ";

  private final String name;
  private final Process process;
  private final CompletableFuture<String> ready = new CompletableFuture<>();
  private volatile String lastLine = "";

  private StartedServer(String name, Process process) {
    this.name = name;
    this.process = process;
    Thread reader = new Thread(this::read, name + "-output");
    reader.setDaemon(true);
    reader.start();
  }

  /** Returns when the server listens. */
  static StartedServer start(Children children, int core, String name, List<String> command)
      throws BenchException, InterruptedException {
    StartedServer server = new StartedServer(name, children.start(core, command, true));
    server.awaitReady();
    return server;
  }

  Peer peer() {
    return new Peer(name, ready.join(), process.pid());
  }

  boolean runs() {
    return process.isAlive();
  }

  /** What it said last, for the message that it is gone. */
  String lastWords() {
    return lastLine.isEmpty() ? "it printed nothing" : "its last line: " + lastLine;
  }

  private void read() {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        lastLine = line;
        if (line.startsWith(READY)) {
          ready.complete(line.substring(READY.length()).split(" ")[0]);
        }
      }
    } catch (IOException e) {
      lastLine = "(its output cannot be read: " + e.getMessage() + ")";
    }
    ready.completeExceptionally(new IOException("ended"));
  }

  private void awaitReady() throws BenchException, InterruptedException {
    try {
      ready.get(READY_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new BenchException(
          name + ": ended before it listened; start it by hand to see why; " + lastWords());
    } catch (TimeoutException e) {
      throw new BenchException(
          name + ": not listening after " + READY_SECONDS + " s; " + lastWords());
    }
  }
}
