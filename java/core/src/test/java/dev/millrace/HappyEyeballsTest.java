// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.internal.spi.ResponseHead;
import dev.millrace.suite.Deadline;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/**
 * A race between real sockets: one whose SYNs are dropped, one that nobody listens on, a good one.
 */
class HappyEyeballsTest {

  @Test
  void anAddressThatDoesNotAnswerKeepsNobodyWaiting() throws Exception {
    InetAddress local = InetAddress.getByName("127.0.0.1");
    EngineClient engine =
        Engines.choose(Engine.JAVA)
            .provider()
            .start(new ClientSpec(1, Limits.defaults(), Compression.disabled(), Set.of()));
    // A queue of accepted sockets that is full drops SYNs, as a host that is not there does.
    try (ServerSocket silent = new ServerSocket(0, 1, local);
        Socket one = new Socket(local, silent.getLocalPort());
        Socket two = new Socket(local, silent.getLocalPort());
        ServerSocket good = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.2"))) {
      assertThat(one.isConnected() && two.isConnected()).isTrue();
      ServerSocket closed = new ServerSocket(0, 1, local);
      closed.close();
      List<SocketAddress> addresses =
          List.of(
              silent.getLocalSocketAddress(),
              new InetSocketAddress(local, closed.getLocalPort()),
              good.getLocalSocketAddress());
      long start = System.nanoTime();

      SocketAddress winner = Deadline.await(race(engine.leastLoaded(), addresses), "a winner");

      assertThat(winner).isEqualTo(good.getLocalSocketAddress());
      assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(Race.STAGGER.toNanos());
    } finally {
      engine.shutdown(Duration.ZERO);
    }
  }

  private static CompletableFuture<SocketAddress> race(
      ClientLoop loop, List<SocketAddress> addresses) {
    CompletableFuture<SocketAddress> winner = new CompletableFuture<>();
    Race.Listener listener =
        new Race.Listener() {
          @Override
          public void onConnected(Attempt attempt) {
            winner.complete(attempt.remote());
          }

          @Override
          public void onResponse(Attempt attempt, ResponseHead head) {}

          @Override
          public void onFailed(IOException failure) {
            winner.completeExceptionally(failure);
          }
        };
    Race race = new Race(loop, "several", addresses, SocketOptions.defaults(), listener);
    loop.execute(race::start);
    return winner;
  }
}
