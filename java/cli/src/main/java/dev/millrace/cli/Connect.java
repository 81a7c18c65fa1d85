// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Client;
import dev.millrace.CloseReason;
import dev.millrace.ConnectRequest;
import dev.millrace.HandlerExecutor;
import dev.millrace.HandshakeExchange;
import dev.millrace.Limits;
import dev.millrace.Link;
import dev.millrace.Message;
import dev.millrace.MillraceException;
import dev.millrace.Reconnect;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A client for people and scripts: sends lines of standard input, prints messages on standard
 * output. Its exit status says how the connection ended.
 */
final class Connect {
  private static final int ENDED_IN_ORDER = 0;
  private static final int NOT_CONNECTED = 1;
  private static final int MISUSED = 2;
  private static final int LOST = 3;

  private static final Path STANDARD_INPUT = Path.of("-");
  private static final Duration LONGEST_CLOSE = Duration.ofSeconds(5);
  // What a pipe's answers may take to come.
  private static final Duration WAIT_IN_PIPE = Duration.ofSeconds(1);

  private final ConnectOptions options;
  private final boolean typed = Terminal.is(0);
  private final Output output;
  private final Session session;
  private final long begin = System.nanoTime();
  private final CountDownLatch finished = new CountDownLatch(1);
  private volatile @Nullable Terminal terminal;
  private volatile boolean misused;
  private volatile int status = NOT_CONNECTED;

  Connect(ConnectOptions options) {
    this.options = options;
    output =
        new Output(
            new FileOutputStream(FileDescriptor.out),
            new FileOutputStream(FileDescriptor.err),
            Terminal.is(1) && typed,
            options.verbose());
    session = new Session(output, this::opened);
  }

  /** Does not return: ends the process with the status that says how it went. */
  void run() throws UsageException, MillraceException, InterruptedException {
    ConnectRequest request = request();
    List<Payload> files = read(options.files());
    Client client = builder().build();
    Pings pings = new Pings(client, session, output);
    Link link = client.link(request, session);
    session.link(link);
    Runtime.getRuntime().addShutdownHook(new Thread(this::interrupted, "connect-shutdown"));
    // A prompt beside a program that takes the messages, and prints what it likes, is in its way.
    if (typed && Terminal.is(1) && Terminal.is(2)) {
      terminal = Terminal.open().orElse(null);
    }
    if (options.verbose()) {
      pings.start();
    }
    daemon("connect-input", () -> input(files, pings));
    status = await(link);
    finish();
    Runtime.getRuntime().halt(status);
  }

  private Client.Builder builder() throws UsageException {
    Duration timeout = options.timeout();
    try {
      Client.Builder builder =
          Client.builder()
              .engine(options.engine())
              .limits(
                  Limits.defaults()
                      .withMaxMessageBytes(options.maxMessageBytes())
                      .withHighWaterMarkBytes(Session.HIGH_WATER_MARK_BYTES)
                      .withHandshakeTimeout(timeout)
                      // A server waits while nobody takes the output, and that may be a pager.
                      .withWriteTimeout(Duration.ZERO)
                      .withCloseTimeout(
                          timeout.compareTo(LONGEST_CLOSE) < 0 ? timeout : LONGEST_CLOSE))
              .connectTimeout(timeout)
              .followRedirects(options.redirects())
              .compression(options.compression())
              .executor(HandlerExecutor.of(oneThread()));
      options.proxy().ifPresent(builder::proxy);
      if (options.verbose()) {
        builder.onExchange(this::exchanged);
      }
      if (options.reconnect()) {
        builder.reconnect(
            Reconnect.backoff(Duration.ofMillis(500), Duration.ofSeconds(30))
                .withListener(this::changed));
      }
      return builder;
    } catch (IllegalArgumentException e) {
      // The builder judges every value at once, in one sentence with the value and the limit.
      throw new UsageException(e.getMessage());
    }
  }

  private ConnectRequest request() throws UsageException {
    try {
      ConnectRequest request = ConnectRequest.to(options.uri());
      for (Map.Entry<String, String> header : options.headers().entrySet()) {
        request = request.withHeader(header.getKey(), header.getValue());
      }
      return request.withSubprotocols(options.subprotocols().toArray(String[]::new));
    } catch (IllegalArgumentException e) {
      throw new UsageException(e.getMessage());
    }
  }

  private List<Payload> read(List<Path> files) throws UsageException {
    List<Payload> payloads = new ArrayList<>();
    for (Path file : files) {
      payloads.add(
          file.equals(STANDARD_INPUT)
              ? standardInput(options.kind())
              : Payload.file(file, options.kind()));
    }
    return payloads;
  }

  private static Payload standardInput(Optional<Message.Kind> kind) throws UsageException {
    try {
      return Payload.all("standard input", System.in, kind);
    } catch (IOException e) {
      throw new UsageException("standard input cannot be read: " + e.getMessage());
    }
  }

  private static ExecutorService oneThread() {
    return Executors.newSingleThreadExecutor(task -> daemonThread("connect-output", task));
  }

  private static void daemon(String name, Runnable task) {
    daemonThread(name, task).start();
  }

  private static Thread daemonThread(String name, Runnable task) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  private void exchanged(HandshakeExchange exchange) {
    exchange.request().forEach(line -> output.detail("> " + line));
    exchange.response().forEach(line -> output.detail("< " + line));
  }

  private void opened() {
    if (typed) {
      output.note("connected to " + options.uri() + "; Ctrl-D closes, /help lists commands");
    }
    output.detail("open after " + Pings.milliseconds(Duration.ofNanos(System.nanoTime() - begin)));
    session
        .connection()
        .flatMap(connection -> connection.webSocket().subprotocol())
        .ifPresent(subprotocol -> output.detail("subprotocol " + subprotocol));
  }

  private void changed(Link.Status status) {
    if (status.state() == Link.State.WAITING) {
      output.note("connects again, attempt " + status.attempt() + ": " + text(status.failure()));
    }
  }

  /** Sends what there is to send, and closes at its end. */
  private void input(List<Payload> files, Pings pings) {
    try {
      if (session.awaitOpen().isEmpty()) {
        return;
      }
      for (Payload file : files) {
        session.send(file);
      }
      boolean inOrder = true;
      Terminal set = terminal;
      if (!typed) {
        inOrder = pipe();
      } else if (set == null) {
        new Typing(session, output, pings, options.kind()).lines(System.in);
      } else {
        output.attach(set);
        output.prompt(true);
        new Typing(session, output, pings, options.kind()).keys(System.in);
        output.prompt(false);
      }
      if (inOrder) {
        session.awaitSilence(options.waiting().orElse(typed ? Duration.ZERO : WAIT_IN_PIPE));
      }
    } catch (IOException e) {
      output.problem("standard input cannot be read: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      session.leave();
    }
  }

  // Every line as it is: what looks like a command is one for people.
  private boolean pipe() throws IOException, InterruptedException {
    LineReader lines = new LineReader(System.in, OptionValues.MOST_MESSAGE_BYTES);
    long number = 0;
    for (byte[] line = lines.next(); line != null; line = lines.next()) {
      number++;
      try {
        Payload payload =
            Payload.of(
                "line " + number, line, Optional.of(options.kind().orElse(Message.Kind.TEXT)));
        if (!session.send(payload)) {
          return false;
        }
      } catch (UsageException e) {
        output.problem(e.getMessage());
        misused = true;
        return false;
      }
    }
    return true;
  }

  private int await(Link link) throws InterruptedException {
    Throwable failure = null;
    try {
      link.ended().toCompletableFuture().get();
    } catch (ExecutionException e) {
      failure = e.getCause();
    }
    output.prompt(false);
    session.ended();
    if (misused) {
      return MISUSED;
    }
    Optional<CloseReason> reason = session.reason();
    if (reason.isEmpty()) {
      output.problem(session.isLeaving() ? "given up before it was open" : text(failure));
      return NOT_CONNECTED;
    }
    int judged = session.hasLeft() || reason.get().isNormal() ? ENDED_IN_ORDER : LOST;
    String told = Ends.tell(reason.get(), session.hasLeft());
    if (judged == LOST && !typed) {
      output.problem(told);
    } else if (typed) {
      output.note(told);
    } else {
      output.detail(told);
    }
    if (failure != null && judged == ENDED_IN_ORDER) {
      output.problem("cannot connect again: " + text(failure));
      return LOST;
    }
    return judged;
  }

  private static String text(@Nullable Throwable failure) {
    String message = failure == null ? null : failure.getMessage();
    return message == null ? String.valueOf(failure) : message;
  }

  // A signal. What it would end with, 128 and its number, does not tell how the connection ended.
  private void interrupted() {
    session.leave();
    try {
      if (!finished.await(LONGEST_CLOSE.toSeconds() + 1, TimeUnit.SECONDS) && session.wasOpen()) {
        status = LOST;
      }
    } catch (InterruptedException e) {
      status = LOST;
    }
    finish();
    Runtime.getRuntime().halt(status);
  }

  private void finish() {
    Terminal set = terminal;
    if (set != null) {
      set.close();
    }
    finished.countDown();
  }
}
