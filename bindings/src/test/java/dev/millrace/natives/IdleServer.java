// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.Server;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A server for many connections, in a process of its own: one process has too few descriptors for
 * both ends. It listens on every address of this machine, and ends with its input.
 */
final class IdleServer implements AutoCloseable {
  private final Process process;
  private final int port;

  private IdleServer(Process process, int port) {
    this.process = process;
    this.port = port;
  }

  static IdleServer start() throws IOException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                IdleServer.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    BufferedReader output = process.inputReader();
    String port = output.readLine();
    if (port == null) {
      process.destroyForcibly();
      throw new AssertionError("the server ended before it listened");
    }
    return new IdleServer(process, Integer.parseInt(port));
  }

  int port() {
    return port;
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  // ---- In the process of its own.

  public static void main(String[] arguments) throws Exception {
    Server server =
        Server.builder()
            .engine(Engine.NATIVE)
            .loops(1)
            .listen("ws://0.0.0.0:0")
            .route("/", (connection, message) -> connection.send(message))
            .start();
    System.out.println(server.addresses().get(0).getPort());
    while (System.in.read() >= 0) {
      // until the test has ended, however it did
    }
    server.close();
  }
}
