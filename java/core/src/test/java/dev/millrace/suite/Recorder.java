// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Message;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** A handler that writes down what it is told, and leaves the answer to a subclass. */
public class Recorder implements Handler {

  /** A message with its bytes copied out. */
  public record Received(Message.Kind kind, byte[] payload) {}

  private final BlockingQueue<Connection> opened = new LinkedBlockingQueue<>();
  private final BlockingQueue<Received> received = new LinkedBlockingQueue<>();
  private final BlockingQueue<CloseReason> closed = new LinkedBlockingQueue<>();
  private final BlockingQueue<Throwable> errors = new LinkedBlockingQueue<>();
  private final AtomicLong dropped = new AtomicLong();
  private final List<String> order = new CopyOnWriteArrayList<>();
  private final AtomicInteger deliveries = new AtomicInteger();

  @Override
  public void onOpen(Connection connection) throws Exception {
    order.add("open");
    opened.add(connection);
  }

  @Override
  public void onMessage(Connection connection, Message message) throws Exception {
    deliveries.incrementAndGet();
    order.add("message");
    received.add(new Received(message.kind(), message.toByteArray()));
  }

  @Override
  public void onWritable(Connection connection) throws Exception {
    order.add("writable");
  }

  @Override
  public void onDropped(Connection connection, long messages) throws Exception {
    order.add("dropped");
    dropped.addAndGet(messages);
  }

  @Override
  public void onClose(Connection connection, CloseReason reason) throws Exception {
    order.add("close");
    closed.add(reason);
  }

  @Override
  public void onError(Connection connection, Throwable cause) {
    order.add("error");
    errors.add(cause);
  }

  public Connection awaitOpen() throws InterruptedException {
    return Deadline.take(opened, "onOpen");
  }

  public Received awaitMessage() throws InterruptedException {
    return Deadline.take(received, "onMessage");
  }

  public CloseReason awaitClose() throws InterruptedException {
    return Deadline.take(closed, "onClose");
  }

  public Throwable awaitError() throws InterruptedException {
    return Deadline.take(errors, "onError");
  }

  /** How many messages reached the handler. */
  public int deliveries() {
    return deliveries.get();
  }

  /** How many messages it was told were dropped. */
  public long dropped() {
    return dropped.get();
  }

  /** How often a call was made, by its name in {@link #order()}. */
  public long count(String call) {
    return order.stream().filter(call::equals).count();
  }

  /** The names of the calls so far. */
  public List<String> order() {
    return List.copyOf(order);
  }
}
