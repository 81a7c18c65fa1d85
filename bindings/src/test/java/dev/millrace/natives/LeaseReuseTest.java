// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.InvalidMarkException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A block that comes back is shown by the same buffer; its leases are as strange to each other as
 * if each had one of its own.
 */
@Tag("unchecked")
class LeaseReuseTest extends EngineSuite {
  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }

  /** Runs one step at each message, and answers with what went wrong or "fine". */
  private static final class Steps implements Handler {
    private final List<Step> steps;
    private int next;

    Steps(List<Step> steps) {
      this.steps = steps;
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      String told = "fine";
      try {
        steps.get(next++).run(connection);
      } catch (AssertionError e) {
        told = e.toString();
      }
      connection.send(told);
    }
  }

  private interface Step {
    void run(Connection connection);
  }

  private void run(List<Step> steps, byte[]... sent) throws Exception {
    RawClient client = connect(start(server().route("/", new Steps(steps))));
    for (int i = 0; i < steps.size(); i++) {
      client.write(Frame.text("step"));
      if (sent[i] != null) {
        client.expectBinary(sent[i]);
      }
      client.expectText("fine");
    }
  }

  @Test
  void aLateCloseDoesNotMeetTheNextOwner() throws Exception {
    List<Lease> leases = new ArrayList<>();
    List<ByteBuffer> buffers = new ArrayList<>();
    run(
        List.of(
            connection -> {
              Lease first = connection.lease(300);
              buffers.add(first.buffer().order(ByteOrder.LITTLE_ENDIAN));
              first.buffer().put((byte) 1).mark().limit(17);
              leases.add(first);
              assertThat(connection.send(first)).isEqualTo(SendResult.ACCEPTED);
            },
            connection -> {
              Lease second = connection.lease(400);
              // The same block, or this test shows nothing.
              assertThat(second.buffer()).isSameAs(buffers.get(0));
              assertThat(second).isNotSameAs(leases.get(0));
              leases.add(second);
              ByteBuffer fresh = second.buffer();
              assertThat(fresh.order()).isEqualTo(ByteOrder.BIG_ENDIAN);
              assertThat(fresh.position()).isZero();
              assertThat(fresh.limit()).isEqualTo(second.capacity()).isEqualTo(512);
              assertThat(second.length()).isZero();
              assertThat(second.offset()).isZero();
              assertThatThrownBy(fresh::reset).isInstanceOf(InvalidMarkException.class);
              fresh.put((byte) 2).put((byte) 3);
              // Of the first owner, all allowed: without effect, or an exception.
              leases.get(0).close();
              assertThatThrownBy(() -> leases.get(0).buffer())
                  .isInstanceOf(IllegalStateException.class);
              assertThatThrownBy(() -> leases.get(0).range(0, 1))
                  .isInstanceOf(IllegalStateException.class);
              assertThatThrownBy(() -> connection.send(leases.get(0)))
                  .isInstanceOf(IllegalStateException.class);
            },
            connection -> {
              // Still its own: the block was not given to anybody meanwhile.
              Lease third = connection.lease(512);
              assertThat(third.buffer()).isNotSameAs(buffers.get(0));
              third.close();
              assertThat(connection.send(leases.get(1))).isEqualTo(SendResult.ACCEPTED);
            }),
        new byte[] {1},
        null,
        new byte[] {2, 3});
  }

  @Test
  void aRangeIsForgottenWithItsLease() throws Exception {
    List<Step> steps =
        List.of(
            connection -> {
              Lease lease = connection.lease(256);
              lease.buffer().put(9, (byte) 7);
              connection.send(lease.range(9, 1));
            },
            // An empty range at the very end of a block is no address in it.
            connection -> connection.send(connection.lease(256).range(256, 0)),
            connection -> {
              Lease lease = connection.lease(256);
              assertThat(lease.offset()).isZero();
              assertThat(lease.length()).isZero();
              lease.buffer().put((byte) 5);
              connection.send(lease);
            });
    run(steps, new byte[] {7}, new byte[0], new byte[] {5});
  }
}
