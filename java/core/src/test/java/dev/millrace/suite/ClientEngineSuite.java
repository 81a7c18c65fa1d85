// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Client;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.MillraceException;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** What every suite of clients needs: a client on the engine under test, and servers for it. */
public abstract class ClientEngineSuite extends EngineSuite {

  /** One loop. */
  protected final Client.Builder client() {
    return Client.builder().engine(engine());
  }

  private final List<ScriptedServer> scripted = new ArrayList<>();

  protected final Client start(Client.Builder builder) throws MillraceException {
    Client client = builder.build();
    closeLater(
        () -> {
          // First those that would not answer a Close.
          for (ScriptedServer server : scripted) {
            server.close();
          }
          client.close();
        });
    return client;
  }

  protected final ScriptedServer scripted() throws IOException {
    ScriptedServer server = ScriptedServer.start();
    scripted.add(server);
    return closeLater(server);
  }

  protected static Connection connect(Client client, URI uri, Handler handler) throws Exception {
    return Deadline.await(client.connect(uri, handler), "a connection to " + uri);
  }

  /** What a stage fails with. */
  protected static Throwable failureOf(CompletionStage<?> stage) throws Exception {
    try {
      Object value =
          stage.toCompletableFuture().get(Deadline.WAIT.toMillis(), TimeUnit.MILLISECONDS);
      throw new AssertionError("did not fail, but gave " + value);
    } catch (ExecutionException e) {
      return e.getCause();
    }
  }

  protected static <T extends Throwable> T failureOf(CompletionStage<?> stage, Class<T> type)
      throws Exception {
    return assertInstanceOf(type, failureOf(stage));
  }

  /** The loop of a connection has looked at its sockets since. */
  protected static void awaitTurn(Connection connection) throws InterruptedException {
    for (int i = 0; i < 2; i++) {
      CountDownLatch turn = new CountDownLatch(1);
      assertTrue(connection.execute(turn::countDown), "the loop has ended");
      Deadline.await(turn, "a turn of the loop");
    }
  }

  protected static void awaitNoConnections(Client client) {
    Deadline.until(() -> client.connectionCount() == 0, "no connection left");
  }
}
