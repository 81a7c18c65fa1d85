// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptListener;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.FakeConnection;
import dev.millrace.internal.spi.ResponseHead;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** A client's loop without sockets: a test says what becomes of each, and how late it is. */
final class FakeLoop implements ClientLoop {

  private record Due(long at, long number, Runnable task) {}

  private final PriorityQueue<Due> tasks =
      new PriorityQueue<>(Comparator.comparingLong(Due::at).thenComparingLong(Due::number));
  final List<FakeAttempt> attempts = new ArrayList<>();
  private long now;
  private long number;
  private boolean running;
  boolean ended;

  /** Everything that is due, and what comes of it. */
  void run() {
    running = true;
    while (!tasks.isEmpty() && tasks.peek().at() <= now) {
      tasks.poll().task().run();
    }
    running = false;
  }

  /** A call of the engine. */
  void call(Runnable task) {
    running = true;
    task.run();
    run();
  }

  void advance(Duration time) {
    long end = now + time.toNanos();
    while (!tasks.isEmpty() && tasks.peek().at() <= end) {
      now = Math.max(now, tasks.peek().at());
      run();
    }
    now = end;
  }

  long nanoTime() {
    return now;
  }

  int waiting() {
    return tasks.size();
  }

  FakeAttempt last() {
    return attempts.get(attempts.size() - 1);
  }

  /** The addresses that sockets are on their way to, or were. */
  List<String> dialled() {
    return attempts.stream().map(a -> Race.shown(a.address)).toList();
  }

  @Override
  public Attempt connect(
      SocketAddress address, Duration timeout, SocketOptions options, AttemptListener listener) {
    assertThat(running).as("connect is for the loop thread").isTrue();
    FakeAttempt attempt = new FakeAttempt(address, listener);
    attempts.add(attempt);
    return attempt;
  }

  @Override
  public boolean execute(Runnable task) {
    if (ended) {
      return false;
    }
    tasks.add(new Due(now, number++, task));
    return true;
  }

  @Override
  public ScheduledTask schedule(Runnable task, Duration delay) {
    Due due = new Due(now + delay.toNanos(), number++, task);
    tasks.add(due);
    return () -> tasks.remove(due);
  }

  @Override
  public boolean isCurrent() {
    return running;
  }

  /** A socket that was asked for. */
  final class FakeAttempt implements Attempt {
    final SocketAddress address;
    private final AttemptListener listener;
    final List<String> asked = new ArrayList<>();
    boolean cancelled;
    boolean failed;
    @Nullable FakeConnection connection;
    @Nullable Handshake handshake;

    FakeAttempt(SocketAddress address, AttemptListener listener) {
      this.address = address;
      this.listener = listener;
    }

    void connected() {
      call(() -> listener.onConnected(this));
    }

    void fails(IOException failure) {
      failed = true;
      call(() -> listener.onFailed(this, failure));
    }

    void responds(String head) {
      int status = Integer.parseInt(head.substring(9, 12));
      byte[] bytes = head.getBytes(StandardCharsets.ISO_8859_1);
      call(() -> listener.onResponse(this, new ResponseHead(bytes, status)));
    }

    /** Connects and answers as it should. */
    void opens(String... lines) {
      connected();
      responds(accepting(lines));
    }

    String accepting(String... lines) {
      StringBuilder head = new StringBuilder("HTTP/1.1 101 Switching Protocols\r\n");
      head.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
      head.append(acceptOf(field("Sec-WebSocket-Key"))).append("\r\n");
      for (String line : lines) {
        head.append(line).append("\r\n");
      }
      return head.append("\r\n").toString();
    }

    void ends(CloseReason reason) {
      call(() -> connection.end(reason));
    }

    /** The last request. */
    String request() {
      return asked.get(asked.size() - 1);
    }

    /** A field of the last request, or null. */
    @Nullable String field(String name) {
      for (String line : request().split("\r\n")) {
        if (line.startsWith(name + ": ")) {
          return line.substring(name.length() + 2);
        }
      }
      return null;
    }

    @Override
    public void ask(byte[] request) {
      assertThat(cancelled || failed).isFalse();
      asked.add(new String(request, StandardCharsets.ISO_8859_1));
    }

    @Override
    public Connection open(
        Handler handler,
        Handshake handshake,
        @Nullable Executor executor,
        @Nullable DeflateParameters deflate) {
      assertThat(cancelled || failed).isFalse();
      this.handshake = handshake;
      FakeConnection made = new FakeConnection(handler, handshake);
      connection = made;
      made.open();
      return made;
    }

    @Override
    public void cancel() {
      assertThat(connection).as("cancel is not for connections").isNull();
      cancelled = true;
    }

    @Override
    public SocketAddress remote() {
      return address;
    }
  }

  static String acceptOf(String key) {
    try {
      byte[] bytes =
          (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.US_ASCII);
      return Base64.getEncoder().encodeToString(MessageDigest.getInstance("SHA-1").digest(bytes));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
