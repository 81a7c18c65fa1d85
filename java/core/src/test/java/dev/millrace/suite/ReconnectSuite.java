// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Client;
import dev.millrace.CloseReason;
import dev.millrace.ConnectRequest;
import dev.millrace.Connection;
import dev.millrace.Link;
import dev.millrace.Message;
import dev.millrace.Reconnect;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import dev.millrace.UpgradeException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Links that are lost and found again. */
public abstract class ReconnectSuite extends ClientEngineSuite {

  private static final Duration SHORTEST = Duration.ofMillis(5);
  private static final Duration LONGEST = Duration.ofMillis(40);

  private final Recorder recorder = new Recorder();
  private final BlockingQueue<Link.Status> told = new LinkedBlockingQueue<>();

  private Reconnect backoff() {
    return Reconnect.backoff(SHORTEST, LONGEST).withListener(told::add);
  }

  private void expect(Link.State state) throws InterruptedException {
    assertEquals(state, Deadline.take(told, "status " + state).state());
  }

  private static URI at(int port) {
    return URI.create("ws://127.0.0.1:" + port + "/");
  }

  @Test
  void aCutLinkComesBackWithANewConnection() throws Exception {
    ScriptedServer server = scripted();
    Client client = start(client().reconnect(backoff()));
    final Link link = client.link(ConnectRequest.to(server.uri()), recorder);
    ScriptedServer.Accepted first = server.upgrade();
    final Connection one = recorder.awaitOpen();
    expect(Link.State.OPEN);
    first.reset();
    CloseReason reason = recorder.awaitClose();
    expect(Link.State.WAITING);
    expect(Link.State.CONNECTING);
    ScriptedServer.Accepted second = server.upgrade();
    Connection two = recorder.awaitOpen();
    expect(Link.State.OPEN);

    assertEquals(1006, reason.code());
    assertFalse(one == two, "the same connection again");
    assertEquals(two, link.connection().orElseThrow());
    assertEquals(one, Deadline.await(link.opened(), "the first connection"));
    two.send("still there");
    second.expectText("still there");
    assertEquals(List.of("open", "close", "open"), recorder.order());
  }

  @Test
  void aServerThatGoesAwayAndComesBack() throws Exception {
    Server first = start(server().route("/", ECHO));
    int port = address(first).getPort();
    Client client = start(client().reconnect(backoff()));
    Link link = client.link(ConnectRequest.to(address(first)), recorder);
    recorder.awaitOpen();
    first.close();
    assertEquals(1001, recorder.awaitClose().code());
    Deadline.until(() -> link.status().attempt() > 2, "attempts that fail");
    assertInstanceOf(ConnectException.class, link.status().failure());
    start(
        Server.builder()
            .engine(engine())
            .loops(1)
            .listen("ws://127.0.0.1:" + port)
            .route("/", ECHO));
    Connection again = recorder.awaitOpen();
    again.send("x");

    assertEquals("x", new String(recorder.awaitMessage().payload(), "UTF-8"));
    Deadline.until(() -> link.status().state() == Link.State.OPEN, "open");
  }

  @Test
  void givesUpWithTheLastFailure() throws Exception {
    ScriptedServer server = scripted();
    server.close();
    Client client = start(client().reconnect(backoff().withMaxAttempts(4)));
    Link link = client.link(ConnectRequest.to(server.uri()), recorder);

    assertInstanceOf(ConnectException.class, failureOf(link.ended()));
    assertInstanceOf(ConnectException.class, failureOf(link.opened()));
    Deadline.until(() -> link.status().state() == Link.State.ENDED, "the end");
    assertEquals(4, link.status().attempt());
    assertEquals(List.of(), recorder.order());
  }

  @Test
  void anOrderlyEndIsTheEnd() throws Exception {
    Recorder served = new Recorder();
    Server server = start(server().route("/", served));
    Client client = start(client().reconnect(backoff()));
    Link link = client.link(ConnectRequest.to(address(server)), recorder);
    served.awaitOpen().close(1000, "done");

    CloseReason reason = Deadline.await(link.ended(), "the end");
    assertEquals("done", reason.text());
    assertEquals(List.of("open", "close"), recorder.order());
  }

  @Test
  void refusalsThatPassAreWaitedFor() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    Server server =
        start(
            server()
                .route("/", ECHO)
                .onUpgrade(
                    request ->
                        asked.incrementAndGet() <= 3
                            ? Upgrade.reject(503, "not yet")
                            : Upgrade.accept()));
    Client client = start(client().reconnect(backoff()));
    client.link(ConnectRequest.to(address(server)), recorder);
    recorder.awaitOpen();

    assertEquals(4, asked.get());
  }

  @Test
  void refusalsThatStayAreTheEnd() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    Server server =
        start(
            server()
                .route("/", ECHO)
                .onUpgrade(
                    request -> {
                      asked.incrementAndGet();
                      return Upgrade.reject(403, "no");
                    }));
    Client client = start(client().reconnect(backoff()));
    Link link = client.link(ConnectRequest.to(address(server)), recorder);

    assertEquals(403, failureOf(link.ended(), UpgradeException.class).status());
    assertEquals(1, asked.get());
  }

  /** It may block: the loop serves another connection meanwhile. */
  @Test
  void theCallbackMayBlockAndGivesEachAttemptItsToken() throws Exception {
    BlockingQueue<String> tokens = new LinkedBlockingQueue<>();
    Recorder served = new Recorder();
    Server server =
        start(
            server()
                .route("/", served)
                .route("/echo", ECHO)
                .onUpgrade(
                    request -> {
                      request.header("Token").ifPresent(tokens::add);
                      return Upgrade.accept();
                    }));
    CountDownLatch released = new CountDownLatch(1);
    Reconnect policy =
        backoff()
            .withBeforeAttempt(
                attempt -> {
                  Deadline.await(released, "release");
                  return attempt.request().withHeader("Token", "t" + tokens.size());
                });
    Client client = start(client().reconnect(policy));
    final Link link = client.link(ConnectRequest.to(address(server)), recorder);
    Client other = start(client());
    Recorder echoed = new Recorder();
    connect(other, address(server).resolve("/echo"), echoed).send("meanwhile");
    echoed.awaitMessage();
    released.countDown();
    served.awaitOpen().close(1012, "restart");
    recorder.awaitClose();
    served.awaitOpen();

    assertEquals("t0", tokens.take());
    assertEquals("t1", tokens.take());
    link.close();
    Deadline.await(link.ended(), "the end");
  }

  /** However it is cut it comes back, and nothing of the lost connections is left. */
  @Test
  void cutAtRandomItComesBackEveryTime() throws Exception {
    int cuts = Integer.getInteger("millrace.test.cuts", 60);
    Random random = Seed.random("cuts");
    Server server = start(server().route("/", ECHO));
    try (CuttingRelay relay = new CuttingRelay(address(server))) {
      Client client =
          start(client().reconnect(Reconnect.backoff(Duration.ofMillis(1), Duration.ofMillis(4))));
      AtomicInteger opened = new AtomicInteger();
      Link link =
          client.link(
              ConnectRequest.to(at(relay.port())),
              new Recorder() {
                @Override
                public void onOpen(Connection connection) {
                  opened.incrementAndGet();
                  connection.send("x".repeat(500));
                }

                @Override
                public void onMessage(Connection connection, Message message) {
                  connection.send(message);
                }

                @Override
                public void onClose(Connection connection, CloseReason reason) {}
              });
      for (int i = 0; i < cuts; i++) {
        relay.awaitAndCut(random.nextInt(3000), random.nextBoolean());
      }
      relay.letLive();
      // The last cut may not have been seen yet: then the link is open, and its connection is not.
      Deadline.until(
          () -> link.status().state() == Link.State.OPEN && client.connectionCount() == 1,
          "the link is open");
      assertTrue(opened.get() > 0);
      link.close();
      Deadline.await(link.ended().handle((reason, failure) -> true), "the end");
      awaitNoConnections(client);
      awaitNoConnections(server);
    }
  }

  @Test
  void manyLinksOfAServerThatRestarts() throws Exception {
    Server first = start(server().route("/", ECHO));
    URI address = address(first);
    Client client = start(client().reconnect(backoff()));
    List<Link> links = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      links.add(client.link(ConnectRequest.to(address), recorder));
    }
    for (int i = 0; i < 100; i++) {
      recorder.awaitOpen();
    }
    first.close();
    for (int i = 0; i < 100; i++) {
      recorder.awaitClose();
    }
    start(
        Server.builder()
            .engine(engine())
            .loops(1)
            .listen("ws://127.0.0.1:" + address.getPort())
            .route("/", ECHO));
    for (int i = 0; i < 100; i++) {
      recorder.awaitOpen();
    }
    Deadline.until(() -> client.connectionCount() == 100, "all connections");
    client.close();
    for (Link link : links) {
      assertTrue(link.ended().toCompletableFuture().isDone());
    }
  }

  @Test
  void closeWhileItWaitsIsAtOnce() throws Exception {
    ScriptedServer server = scripted();
    server.close();
    Client client =
        start(client().reconnect(Reconnect.backoff(Duration.ofHours(1), Duration.ofHours(1))));
    Link link = client.link(ConnectRequest.to(server.uri()), recorder);
    Deadline.until(() -> link.status().state() == Link.State.WAITING, "waiting");
    client.close();

    assertInstanceOf(IOException.class, failureOf(link.ended()));
    assertEquals(Link.State.ENDED, link.status().state());
  }
}
