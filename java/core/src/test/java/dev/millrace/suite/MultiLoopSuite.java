// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several loops behind one listener. */
public abstract class MultiLoopSuite extends EngineSuite {

  /** Remembers who is there, and on which thread each is served. */
  private static class Members implements Handler {
    final List<Connection> all = new CopyOnWriteArrayList<>();
    final Map<Long, Thread> threads = new ConcurrentHashMap<>();
    final BlockingQueue<Connection> opened = new LinkedBlockingQueue<>();
    final BlockingQueue<String> strayed = new LinkedBlockingQueue<>();

    @Override
    public void onOpen(Connection connection) {
      threads.put(connection.id(), Thread.currentThread());
      all.add(connection);
      opened.add(connection);
    }

    @Override
    public void onMessage(Connection connection, Message message) throws Exception {
      checkThread(connection);
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      checkThread(connection);
      all.remove(connection);
    }

    final void checkThread(Connection connection) {
      if (threads.get(connection.id()) != Thread.currentThread()) {
        strayed.add(connection.id() + " on " + Thread.currentThread().getName());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void connectionsAreSpreadEvenly(int loops) throws Exception {
    Members members = new Members();
    Server server = start(server().loops(loops).route("/", members));
    assertEquals(loops, server.loops());
    for (int i = 0; i < 5 * loops; i++) {
      connect(server);
      Deadline.take(members.opened, "onOpen");
    }
    Map<Thread, Integer> counts = new HashMap<>();
    members.threads.values().forEach(thread -> counts.merge(thread, 1, Integer::sum));
    assertEquals(loops, counts.size(), counts.toString());
    counts.forEach((thread, count) -> assertEquals(5, count, counts.toString()));
    assertEquals(5 * loops, server.connectionCount());
  }

  @Test
  void connectionStaysOnItsThread() throws Exception {
    Members members =
        new Members() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            super.onMessage(connection, message);
            ECHO.onMessage(connection, message);
          }
        };
    Server server = start(server().loops(3).route("/", members));
    List<Task> tasks = new ArrayList<>();
    for (int c = 0; c < 9; c++) {
      RawClient client = connect(server);
      tasks.add(
          Task.start(
              "client " + c,
              () -> {
                for (int i = 0; i < 300; i++) {
                  client.write(Frame.text("message " + i));
                  client.expectText("message " + i);
                }
                client.close();
              }));
    }
    for (Task task : tasks) {
      task.join();
    }
    awaitNoConnections(server);
    assertTrue(members.strayed.isEmpty(), members.strayed.toString());
  }

  /** Every member gets every message, in the order of its sender, whatever loops they live on. */
  @ParameterizedTest
  @ValueSource(ints = {20, 3000, 150_000})
  void broadcastAcrossLoops(int length) throws Exception {
    int count = length > 100_000 ? 10 : 60;
    Members members =
        new Members() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            super.onMessage(connection, message);
            for (Connection member : all) {
              assertEquals(SendResult.ACCEPTED, member.send(message));
            }
          }
        };
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 20);
    Server server = start(server().loops(3).limits(limits).route("/", members));
    List<RawClient> clients = new ArrayList<>();
    for (int c = 0; c < 6; c++) {
      clients.add(connect(server));
      Deadline.take(members.opened, "onOpen");
    }
    List<Task> tasks = new ArrayList<>();
    for (int c = 0; c < 6; c++) {
      RawClient client = clients.get(c);
      int sender = c;
      tasks.add(Task.start("reader " + c, () -> Stamp.readAll(client, 0, 6, count)));
      tasks.add(
          Task.start(
              "writer " + c,
              () -> {
                for (int i = 0; i < count; i++) {
                  client.write(Frame.binary(Stamp.of(0, sender, i, length)));
                }
              }));
    }
    for (Task task : tasks) {
      task.join();
    }
  }

  /** A lease taken on one loop, sent on another, read on a third. */
  @Test
  void leasesTravelBetweenLoops() throws Exception {
    BlockingQueue<Lease> leases = new LinkedBlockingQueue<>();
    Members out = new Members();
    Handler in = (connection, message) -> leases.add(message.retain());
    Server server = start(server().loops(3).route("/in", in).route("/out", out));
    RawClient sender = connect(server, "/in");
    List<RawClient> readers = new ArrayList<>();
    List<Connection> targets = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      readers.add(connect(server, "/out"));
      targets.add(Deadline.take(out.opened, "onOpen"));
    }
    for (int round = 0; round < 60; round++) {
      byte[] payload = Stamp.of(round, 0, round, round % 3 == 0 ? 100_000 : 50);
      sender.write(Frame.binary(payload));
      Lease lease = Deadline.take(leases, "a lease");
      int target = round % 3;
      Connection connection = targets.get(target);
      if (round % 2 == 0) {
        assertEquals(SendResult.ACCEPTED, connection.send(lease));
      } else {
        connection.execute(() -> connection.send(lease));
      }
      readers.get(target).expectBinary(payload);
    }
  }
}
