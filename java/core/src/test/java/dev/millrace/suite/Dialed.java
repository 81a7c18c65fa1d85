// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.SocketOptions;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptListener;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ResponseHead;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** One attempt of a client's loop, from any thread, and what its listener was told. */
public final class Dialed implements AttemptListener {
  /** An upgrade request with the key of RFC 6455 1.3. */
  public static final String REQUEST =
      new String(UpgradeRequestText.to("/").bytes(), StandardCharsets.ISO_8859_1);

  private final ClientLoop loop;
  private final CompletableFuture<Attempt> attempt = new CompletableFuture<>();
  private final CompletableFuture<Attempt> connected = new CompletableFuture<>();
  private final BlockingQueue<ResponseHead> responses = new LinkedBlockingQueue<>();
  private final CompletableFuture<IOException> failure = new CompletableFuture<>();
  private boolean isTelling;
  private volatile boolean toldTooEarly;

  private Dialed(ClientLoop loop) {
    this.loop = loop;
  }

  /** Begins to connect. */
  public static Dialed to(
      ClientLoop loop, SocketAddress address, Duration timeout, SocketOptions options) {
    Dialed dialed = new Dialed(loop);
    loop.execute(
        () -> {
          dialed.isTelling = true;
          dialed.attempt.complete(loop.connect(address, timeout, options, dialed));
          dialed.isTelling = false;
        });
    return dialed;
  }

  @Override
  public void onConnected(Attempt told) {
    toldTooEarly |= isTelling;
    connected.complete(told);
  }

  @Override
  public void onResponse(Attempt told, ResponseHead head) {
    responses.add(head);
  }

  @Override
  public void onFailed(Attempt told, IOException why) {
    toldTooEarly |= isTelling;
    if (!failure.complete(why)) {
      toldTooEarly = true; // twice
    }
  }

  /** Whether the listener was called from within {@code connect}, or twice of a failure. */
  public boolean wasToldOutOfTurn() {
    return toldTooEarly;
  }

  public Attempt attempt() throws Exception {
    return Deadline.await(attempt, "the attempt");
  }

  public Dialed awaitConnected() throws Exception {
    Deadline.await(connected, "onConnected");
    return this;
  }

  public ResponseHead awaitResponse() throws Exception {
    return Deadline.take(responses, "onResponse");
  }

  public IOException awaitFailure() throws Exception {
    return Deadline.await(failure, "onFailed");
  }

  public boolean hasFailed() {
    return failure.isDone();
  }

  public boolean hasResponse() {
    return !responses.isEmpty();
  }

  /** Runs on the loop, and waits for that. */
  public <T> T call(Callable<T> task) throws Exception {
    CompletableFuture<T> result = new CompletableFuture<>();
    loop.execute(
        () -> {
          try {
            result.complete(task.call());
          } catch (Throwable t) {
            result.completeExceptionally(t);
          }
        });
    return Deadline.await(result, "a task on the loop");
  }

  /** The loop has looked at its sockets: what was there before is received. */
  public void awaitTurn() throws Exception {
    for (int i = 0; i < 2; i++) {
      call(() -> null);
    }
  }

  public Dialed ask(String request) throws Exception {
    Attempt asked = attempt();
    call(
        () -> {
          asked.ask(request.getBytes(StandardCharsets.ISO_8859_1));
          return null;
        });
    return this;
  }

  public Connection open(Handler handler) throws Exception {
    return open(handler, null);
  }

  public Connection open(Handler handler, @Nullable Executor executor) throws Exception {
    Attempt answered = attempt();
    return call(() -> answered.open(handler, HANDSHAKE, executor, null));
  }

  public void cancel() throws Exception {
    Attempt cancelled = attempt();
    call(
        () -> {
          cancelled.cancel();
          return null;
        });
  }

  /** Of a path and nothing else. */
  public static final Handshake HANDSHAKE =
      new Handshake() {
        @Override
        public String path() {
          return "/";
        }

        @Override
        public Optional<String> query() {
          return Optional.empty();
        }

        @Override
        public Map<String, String> parameters() {
          return Map.of();
        }

        @Override
        public Optional<String> header(String name) {
          return Optional.empty();
        }

        @Override
        public Optional<String> subprotocol() {
          return Optional.empty();
        }

        @Override
        public Map<String, Object> attributes() {
          return Map.of();
        }

        @Override
        public SocketAddress remoteAddress() {
          return new InetSocketAddress("127.0.0.1", 1);
        }
      };
}
