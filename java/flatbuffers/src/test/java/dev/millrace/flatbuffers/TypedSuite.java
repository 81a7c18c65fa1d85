// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.flatbuffers.FlatBufferBuilder;
import com.google.flatbuffers.reflection.BaseType;
import com.sun.management.ThreadMXBean;
import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import dev.millrace.Server;
import dev.millrace.flatbuffers.Orders.Order;
import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.suite.ClientEngineSuite;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Typed routes and clients: what a handler is given, and what it never sees. */
public abstract class TypedSuite extends ClientEngineSuite {
  private static final Schema<Order> ORDERS = Orders.schema();

  private static String told(Order order) {
    StringBuilder told = new StringBuilder(order.symbol()).append(' ').append(order.id());
    for (int i = 0; i < order.legsLength(); i++) {
      told.append(' ').append(order.leg(i));
    }
    return told.toString();
  }

  private static Handler teller() {
    return TypedHandler.of(ORDERS, (connection, order) -> connection.send(told(order)));
  }

  /** A good order but for the place of a string in its last leg. */
  private static byte[] broken(int legs) {
    byte[] bytes = Orders.full(legs);
    ByteBuffer order = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int root = order.getInt(0);
    int legsField = root + order.getShort(root - order.getInt(root) + 4 + 2 * Orders.LEGS);
    int last = legsField + order.getInt(legsField) + 4 * legs;
    int leg = last + order.getInt(last);
    int symbol = leg + order.getShort(leg - order.getInt(leg) + 4);
    order.putInt(symbol, bytes.length);
    return bytes;
  }

  @Test
  void messagesAreReadWhereTheyLie() throws Exception {
    RawClient client = connect(start(server().route("/", teller())));
    client.write(Frame.binary(Orders.full(3)), Frame.binary(Orders.small("one")));
    client.write(Frame.binary(Orders.full(0)));
    client.expectText("SYM 42 LEG0 LEG1 LEG2");
    client.expectText("one 0");
    client.expectText("SYM 42");
  }

  @Test
  void messagesInPieces() throws Exception {
    RawClient client = connect(start(server().route("/", teller())));
    byte[] order = Orders.full(2);
    for (int cut = 1; cut < order.length; cut += 37) {
      client.write(
          Frame.binary(Arrays.copyOf(order, cut)).unfinished(),
          Frame.ping("between"),
          Frame.continuation(Arrays.copyOfRange(order, cut, order.length)));
      client.expectText("SYM 42 LEG0 LEG1");
    }
  }

  @Test
  void longMessages() throws Exception {
    RawClient client = connect(start(server().route("/", teller())));
    FlatBufferBuilder builder = new FlatBufferBuilder(1024);
    String symbol = "long".repeat(50_000);
    Orders.writeSmall(builder, symbol);
    client.write(Frame.binary(builder.sizedByteArray()));
    client.expectText(symbol + " 0");
  }

  @Test
  void textIsNotTaken() throws Exception {
    RawClient client = connect(start(server().route("/", teller())));
    client.write(Frame.text("an order, please"));
    assertThat(client.expectCloseAndEnd(CloseCode.UNSUPPORTED_DATA).closeReason())
        .isEqualTo("binary messages only");
  }

  @Test
  void badMessagesCloseWithTheirFirstFault() throws Exception {
    AtomicInteger seen = new AtomicInteger();
    Handler handler = TypedHandler.of(ORDERS, (connection, order) -> seen.incrementAndGet());
    Server server = start(server().route("/", handler));
    byte[][] bad = {broken(3), {}, new byte[100], Arrays.copyOf(Orders.full(3), 60)};
    String[] faults = {
      "Order.legs[2].symbol: string past end",
      "Order: buffer too short",
      "Order: wrong file identifier",
      ORDERS.check(ByteBuffer.wrap(bad[3])).orElseThrow().toString(),
    };
    for (int i = 0; i < bad.length; i++) {
      RawClient client = connect(server);
      client.write(Frame.binary(Orders.small("good")), Frame.binary(bad[i]));
      // What comes behind is not looked at.
      client.write(Frame.binary(Orders.small("late")));
      assertThat(client.expectCloseAndEnd(CloseCode.INVALID_FRAME_PAYLOAD_DATA).closeReason())
          .isEqualTo(faults[i]);
    }
    assertThat(seen).hasValue(bad.length);
  }

  @Test
  void aReasonIsCutInTheMiddleOfThePath() throws Exception {
    Bfbs bfbs = new Bfbs();
    String name = "field_with_a_long_name".repeat(10);
    bfbs.object("Long", bfbs.required(name, 0, bfbs.type(BaseType.String)));
    Schema<ByteBuffer> schema = Schema.load(bfbs.root(0).bytes(null), buffer -> buffer);
    Handler handler = TypedHandler.of(schema, (connection, buffer) -> connection.close());
    RawClient client = connect(start(server().route("/", handler)));
    FlatBufferBuilder builder = new FlatBufferBuilder(16);
    builder.startTable(1);
    builder.addInt(0, 0, 1);
    builder.finish(builder.endTable());
    client.write(Frame.binary(builder.sizedByteArray()));
    String reason = client.expectCloseAndEnd(CloseCode.INVALID_FRAME_PAYLOAD_DATA).closeReason();
    assertThat(reason)
        .hasSize(123)
        .startsWith("Long.field_with_a_long_name")
        .contains("...")
        .endsWith("long_name: offset is zero");
  }

  @Test
  void aHookMayDoOtherwise() throws Exception {
    TypedHandler<Order> handler =
        new TypedHandler<>() {
          @Override
          public void onMessage(Connection connection, Order order) {
            connection.send(told(order));
          }

          @Override
          public void onInvalid(Connection connection, Fault fault) {
            connection.send(fault.kind() + " at " + fault.path());
          }
        };
    RawClient client = connect(start(server().route("/", TypedHandler.of(ORDERS, handler))));
    client.write(Frame.binary(broken(2)), Frame.binary(Orders.small("next")));
    client.expectText("STRING_PAST_END at Order.legs[1].symbol");
    client.expectText("next 0");
  }

  @Test
  void theWholeLifeOfAConnectionIsTold() throws Exception {
    muteLog();
    BlockingQueue<String> calls = new LinkedBlockingQueue<>();
    TypedHandler<Order> handler =
        new TypedHandler<>() {
          @Override
          public void onOpen(Connection connection) {
            calls.add("open");
          }

          @Override
          public void onMessage(Connection connection, Order order) {
            throw new IllegalStateException(order.symbol());
          }

          @Override
          public void onError(Connection connection, Throwable cause) {
            calls.add("error " + cause.getMessage());
          }

          @Override
          public void onClose(Connection connection, CloseReason reason) {
            calls.add("close " + reason.code());
          }
        };
    RawClient client = connect(start(server().route("/", TypedHandler.of(ORDERS, handler))));
    client.write(Frame.binary(Orders.small("thrown")));
    client.expectCloseAndEnd(CloseCode.INTERNAL_ERROR);
    for (String call : List.of("open", "error thrown", "close 1011")) {
      assertThat(Deadline.take(calls, call)).isEqualTo(call);
    }
  }

  @Test
  void droppedMessagesAreTold() throws Exception {
    BlockingQueue<Connection> opened = new LinkedBlockingQueue<>();
    BlockingQueue<Long> told = new LinkedBlockingQueue<>();
    TypedHandler<Order> handler =
        new TypedHandler<>() {
          @Override
          public void onOpen(Connection connection) {
            opened.add(connection);
          }

          @Override
          public void onMessage(Connection connection, Order order) {}

          @Override
          public void onDropped(Connection connection, long messages) {
            told.add(messages);
          }
        };
    RawClient client = connect(start(server().route("/", TypedHandler.of(ORDERS, handler))));
    Connection connection = Deadline.take(opened, "onOpen");
    SendOptions newest = SendOptions.defaults().withPolicy(SendOptions.Policy.DROP_NEWEST);
    ByteBuffer quote = ByteBuffer.wrap(Orders.full(1));
    do {
      connection.send(quote.duplicate(), newest);
    } while (connection.droppedMessages() == 0);
    assertThat(Deadline.take(told, "onDropped")).isEqualTo(1);
    client.close();
  }

  @Test
  void aTypedClient() throws Exception {
    Handler answers =
        (connection, message) -> {
          boolean isGood = message.text().equals("good");
          connection.send(ByteBuffer.wrap(isGood ? Orders.full(1) : broken(1)));
        };
    CompletableFuture<CloseReason> ended = new CompletableFuture<>();
    Handler server =
        new Handler() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            answers.onMessage(connection, message);
          }

          @Override
          public void onClose(Connection connection, CloseReason reason) {
            ended.complete(reason);
          }
        };
    Server started = start(server().route("/", server));
    BlockingQueue<String> read = new LinkedBlockingQueue<>();
    Connection connection =
        connect(
            start(client()),
            address(started),
            TypedHandler.of(ORDERS, (c, order) -> read.add(told(order))));
    connection.send("good");
    assertThat(Deadline.take(read, "an order")).isEqualTo("SYM 42 LEG0");
    connection.send("bad");
    CloseReason reason = Deadline.await(ended, "the close");
    assertThat(reason.code()).isEqualTo(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
    assertThat(reason.text()).isEqualTo("Order.legs[0].symbol: string past end");
    assertThat(read).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"direct", "pool"})
  void handlersOnAnExecutor(String kind) throws Exception {
    HandlerExecutor executor = HandlerExecutor.of(Runnable::run);
    if (kind.equals("pool")) {
      ExecutorService pool = Executors.newFixedThreadPool(2);
      closeLater(pool::shutdown);
      executor = HandlerExecutor.of(pool);
    }
    Server server = start(server().loops(2).route("/", teller(), executor));
    for (int c = 0; c < 3; c++) {
      RawClient client = connect(server);
      for (int i = 0; i < 50; i++) {
        client.write(Frame.binary(Orders.small("number " + i)));
      }
      for (int i = 0; i < 50; i++) {
        client.expectText("number " + i + " 0");
      }
      client.write(Frame.binary(broken(1)));
      assertThat(client.expectCloseAndEnd(CloseCode.INVALID_FRAME_PAYLOAD_DATA).closeReason())
          .isEqualTo("Order.legs[0].symbol: string past end");
    }
  }

  /** One handler, many threads: nobody is shown the order of another. */
  @Test
  void loopsDoNotShareTables() throws Exception {
    Server server = start(server().loops(2).route("/", teller()));
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      clients.add(connect(server));
    }
    for (int round = 0; round < 100; round++) {
      for (int i = 0; i < clients.size(); i++) {
        clients.get(i).write(Frame.binary(Orders.small("client " + i + " round " + round)));
      }
      for (int i = 0; i < clients.size(); i++) {
        clients.get(i).expectText("client " + i + " round " + round + " 0");
      }
    }
  }

  @Test
  void aTableThatIsKeptReadsNothing() throws Exception {
    AtomicReference<Order> kept = new AtomicReference<>();
    Handler handler =
        TypedHandler.of(
            ORDERS,
            (connection, order) -> {
              Order before = kept.getAndSet(order);
              connection.send(before == null ? "first" : before == order ? "same" : "other");
            });
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.binary(Orders.full(1)));
    client.expectText("first");
    client.write(Frame.binary(Orders.full(1)));
    client.expectText("same");
    // Its handler has returned when the next message is answered.
    client.write(Frame.ping("turn"));
    client.expectPongs("turn");
    Order order = kept.get();
    assertThatThrownBy(order::symbol).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(order::id).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(order::sum).isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(order.getByteBuffer().capacity()).isLessThan(16);
  }

  /** The buffer of a table may be one that other messages are read through. */
  @Test
  void whatAHandlerDoesToTheBufferHarmsNobody() throws Exception {
    Handler careless =
        TypedHandler.of(
            ORDERS,
            (connection, order) -> {
              String symbol = order.symbol();
              order.getByteBuffer().position(1).limit(2).order(ByteOrder.BIG_ENDIAN);
              connection.send(symbol);
            });
    Server server = start(server().route("/careless", careless).route("/echo", ECHO));
    RawClient client = connect(server, "/careless");
    RawClient echo = connect(server, "/echo");
    for (int i = 0; i < 20; i++) {
      client.write(Frame.binary(Orders.small("number " + i)));
      client.expectText("number " + i);
      echo.write(Frame.binary(new byte[] {(byte) i, 2, 3}));
      echo.expectBinary(new byte[] {(byte) i, 2, 3});
    }
  }

  /** What lies behind a message, others have sent. */
  @Test
  void anIndexPastTheEndReadsNothingOfOthers() throws Exception {
    Handler careless =
        TypedHandler.of(
            ORDERS,
            (connection, order) -> {
              ByteBuffer memory = order.getByteBuffer();
              connection.send("limit " + (memory.capacity() > memory.limit()));
              assertThatThrownBy(() -> memory.get(memory.limit()))
                  .isInstanceOf(IndexOutOfBoundsException.class);
              connection.send("done");
            });
    RawClient client = connect(start(server().route("/careless", careless)), "/careless");
    client.write(Frame.binary(Orders.small("x")));
    client.expectText("limit " + !CheckedMode.isOn());
    client.expectText("done");
  }

  /** A typed handler that is called within itself: each call reads its own message. */
  @Test
  void handlersWithinHandlers() throws Exception {
    AtomicReference<Handler> route = new AtomicReference<>();
    AtomicInteger depth = new AtomicInteger();
    AtomicReference<Message> current = new AtomicReference<>();
    route.set(
        TypedHandler.of(
            ORDERS,
            (connection, order) -> {
              String before = told(order);
              if (depth.incrementAndGet() < 4) {
                route.get().onMessage(connection, current.get());
              }
              assertThat(told(order)).isEqualTo(before);
              connection.send(before);
            }));
    Handler handler =
        (connection, message) -> {
          depth.set(0);
          current.set(message);
          route.get().onMessage(connection, message);
        };
    RawClient client = connect(start(server().route("/", handler)));
    for (int i = 0; i < 3; i++) {
      client.write(Frame.binary(Orders.small("number " + i)));
      for (int told = 0; told < 4; told++) {
        client.expectText("number " + i + " 0");
      }
    }
  }

  @Test
  @Tag("unchecked")
  void aTypedReadAllocatesNothing() throws Exception {
    int reads = 50_000;
    AtomicInteger sum = new AtomicInteger();
    Handler typed =
        TypedHandler.of(
            ORDERS,
            (connection, order) ->
                sum.setPlain(sum.getPlain() + order.symbolLength() + (int) order.id()));
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    BlockingQueue<Long> allocated = new LinkedBlockingQueue<>();
    Handler measuring =
        (connection, message) -> {
          long before = threads.getCurrentThreadAllocatedBytes();
          for (int i = 0; i < reads; i++) {
            typed.onMessage(connection, message);
          }
          allocated.add(threads.getCurrentThreadAllocatedBytes() - before);
        };
    RawClient client = connect(start(server().route("/", measuring)));
    byte[] order = Orders.full(3);
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 6; i++) {
      client.write(Frame.binary(order));
      least = Math.min(least, Deadline.take(allocated, "a measurement"));
    }
    assertThat(sum).hasValue(6 * reads * (42 + 3));
    assertThat(least).isLessThan(4096);
  }
}
