// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptListener;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.internal.spi.ResponseHead;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.fault.LoopCpu;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** No descriptor left, in a JVM that has just started and has loaded next to nothing. */
class NioDescriptorTest {
  private static final int LIMIT = 64;
  private static final byte[] REQUEST =
      ("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
          .getBytes(StandardCharsets.US_ASCII);
  private static final Path PRLIMIT = Path.of("/usr/bin/prlimit");

  /** The server's program. */
  static final class Program {
    private Program() {}

    public static void main(String[] arguments) throws Exception {
      Server server =
          Server.builder()
              .engine(Engine.JAVA)
              .loops(1)
              .listen("ws://127.0.0.1:0")
              .route("/", (connection, message) -> connection.send(message))
              .start();
      System.out.println(server.addresses().get(0));
      // Tells how often accepting has failed, or has not, whenever it is asked.
      for (int asked; (asked = System.in.read()) >= 0; ) {
        LoopStatistics statistics = server.statistics().get(0);
        System.out.println(asked == '?' ? statistics.acceptFailures() : statistics.accepted());
      }
    }
  }

  /** The client's program: connects until it cannot, lets go of all, and connects again. */
  static final class Dialer implements AttemptListener {
    private final ClientLoop loop;
    private final InetSocketAddress server;
    private final List<Attempt> connected = new ArrayList<>();
    private boolean again;

    private Dialer(ClientLoop loop, InetSocketAddress server) {
      this.loop = loop;
      this.server = server;
    }

    public static void main(String[] arguments) throws Exception {
      InetSocketAddress server = new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
      ClientSpec spec = new ClientSpec(1, Limits.defaults(), Compression.disabled(), Set.of());
      EngineClient client = new NioEngineProvider().start(spec);
      Dialer dialer = new Dialer(client.leastLoaded(), server);
      dialer.loop.execute(dialer::dial);
      System.in.read();
      client.shutdown(Duration.ZERO);
    }

    private void dial() {
      loop.connect(server, Duration.ofMinutes(1), SocketOptions.defaults(), this);
    }

    @Override
    public void onConnected(Attempt attempt) {
      connected.add(attempt);
      if (!again) {
        dial();
        return;
      }
      attempt.ask(REQUEST);
    }

    @Override
    public void onResponse(Attempt attempt, ResponseHead head) {
      System.out.println(head.status());
    }

    @Override
    public void onFailed(Attempt attempt, IOException failure) {
      System.out.println(connected.size() + " " + failure.getMessage());
      connected.forEach(Attempt::cancel);
      again = true;
      // Closed channels give their descriptors up when the selector has let go of them.
      loop.schedule(this::dial, Duration.ofMillis(50));
    }
  }

  /** A jar, as users have it: classes in folders need a descriptor each. */
  private static void jar(Path file) throws IOException {
    try (OutputStream out = Files.newOutputStream(file);
        JarOutputStream jar = new JarOutputStream(out)) {
      addAll(jar, Path.of("target/classes"));
      addAll(jar, Path.of("target/test-classes"));
    }
  }

  private static void addAll(JarOutputStream jar, Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        jar.putNextEntry(new JarEntry(folder.relativize(file).toString()));
        Files.copy(file, jar);
        jar.closeEntry();
      }
    }
  }

  @Test
  @Timeout(120)
  void aColdServerOutlivesIt(@TempDir Path folder) throws Exception {
    assumeTrue(Files.isExecutable(PRLIMIT), "this system has no prlimit");
    Process process = start(folder, Program.class, "");
    try (BufferedReader out =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      exhaust(process, out);
    } finally {
      process.destroy();
      process.waitFor(10, TimeUnit.SECONDS);
    }
  }

  @Test
  @Timeout(120)
  void aColdClientOutlivesIt(@TempDir Path folder) throws Exception {
    assumeTrue(Files.isExecutable(PRLIMIT), "this system has no prlimit");
    try (Server server =
        Server.builder()
            .engine(Engine.JAVA)
            .listen("ws://127.0.0.1:0")
            .route("/", (connection, message) -> connection.send(message))
            .start()) {
      int port = server.addresses().get(0).getPort();
      Process process = start(folder, Dialer.class, Integer.toString(port));
      try (BufferedReader out =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
        assertThat(out.readLine())
            .matches(
                "[1-5]\\d cannot connect: address=\\S+: too many open files in this process:"
                    + " errno=24; raise the limit of open files \\(ulimit -n\\)");
        assertThat(out.readLine()).isEqualTo("101");
      } finally {
        process.destroy();
        process.waitFor(10, TimeUnit.SECONDS);
      }
    }
  }

  private static Process start(Path folder, Class<?> program, String argument) throws IOException {
    Path jar = folder.resolve("program.jar");
    jar(jar);
    return new ProcessBuilder(
            PRLIMIT.toString(),
            "--nofile=" + LIMIT + ":" + LIMIT,
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            jar.toString(),
            program.getName(),
            argument)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private static long acceptFailures(Process process, BufferedReader out) throws IOException {
    return ask(process, out, '?');
  }

  private static long accepted(Process process, BufferedReader out) throws IOException {
    return ask(process, out, '+');
  }

  private static long ask(Process process, BufferedReader out, char what) throws IOException {
    process.getOutputStream().write(what);
    process.getOutputStream().flush();
    return Long.parseLong(out.readLine());
  }

  /** How long it takes to accept who waits, once one of these has gone; the median of them. */
  private static long millisToAccept(Process process, BufferedReader out, List<RawClient> leaving)
      throws Exception {
    List<Long> all = new ArrayList<>();
    for (RawClient client : leaving) {
      long before = accepted(process, out);
      long start = System.nanoTime();
      client.close();
      while (accepted(process, out) == before) {
        Thread.onSpinWait();
      }
      all.add((System.nanoTime() - start) / 1_000_000);
    }
    Collections.sort(all);
    return all.get(all.size() / 2);
  }

  private static void exhaust(Process process, BufferedReader out) throws Exception {
    URI server = URI.create(out.readLine());
    long start = System.nanoTime();
    List<RawClient> clients = new ArrayList<>();
    // More than it can accept, before it has served anybody: the others wait in the queue.
    for (int i = 0; i < 2 * LIMIT; i++) {
      clients.add(RawClient.open(server));
    }
    while (acceptFailures(process, out) == 0) {
      Thread.onSpinWait();
    }
    for (RawClient client : clients) {
      client.write(REQUEST);
    }
    clients.get(0).expectAccepted();
    for (int i = 0; i < 2000; i++) {
      clients.get(0).write(Frame.text("served " + i)).expectText("served " + i);
    }
    clients.get(1).expectAccepted();
    clients.get(1).write(Frame.text("not masked").unmasked());
    clients.get(1).expectCloseAndEnd(1002);
    assertThat(process.isAlive()).isTrue();
    // It asks again 20 times a second, and does not spin.
    long failures = acceptFailures(process, out);
    long millis = (System.nanoTime() - start) / 1_000_000;
    assertThat(failures).isBetween(1L, 3 + millis / 50);
    assertThat(LoopCpu.perMille(process.pid(), Duration.ofSeconds(2))).isLessThan(20);
    assertThat(millisToAccept(process, out, clients.subList(2, 7))).isLessThanOrEqualTo(100);
    // Once descriptors are free, those who have waited are accepted.
    for (int i = 7; i < clients.size() - 1; i++) {
      clients.get(i).close();
    }
    RawClient last = clients.get(clients.size() - 1);
    last.expectAccepted();
    last.write(Frame.text("late")).expectText("late");
    for (RawClient client : clients) {
      client.close();
    }
  }
}
