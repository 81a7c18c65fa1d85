// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.millrace.Client;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.spi.AbstractSocketAddress;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Dialed;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.RawServer;
import dev.millrace.suite.Recorder;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Field;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.NetworkChannel;
import java.nio.channels.Selector;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is the Java engine's own in a client: refusals, keys of the selector, garbage, memory. */
@Timeout(60)
class NioClientTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final Duration LONG = Duration.ofMinutes(10);

  private final Deque<AutoCloseable> opened = new ArrayDeque<>();

  @AfterEach
  void closeAll() throws Exception {
    while (!opened.isEmpty()) {
      opened.pop().close();
    }
  }

  private EngineClient client(Limits limits) throws Exception {
    return client(limits, Compression.disabled());
  }

  private EngineClient client(Limits limits, Compression compression) throws Exception {
    EngineClient client = NioClient.start(new ClientSpec(1, limits, compression, Set.of()));
    opened.push(() -> client.shutdown(Duration.ZERO));
    return client;
  }

  private RawServer rawServer() throws Exception {
    RawServer server = RawServer.open();
    opened.push(server);
    return server;
  }

  private static Dialed dial(EngineClient client, SocketAddress address) {
    return Dialed.to(client.leastLoaded(), address, LONG, SocketOptions.defaults());
  }

  private RawServer.Peer connect(EngineClient client, Handler handler) throws Exception {
    RawServer server = rawServer();
    Dialed dialed = dial(client, server.address()).awaitConnected().ask(Dialed.REQUEST);
    RawServer.Peer peer = server.accept();
    peer.acceptUpgrade();
    dialed.awaitResponse();
    dialed.open(handler);
    return peer;
  }

  // ---- docs/engine-differences.md.

  @Test
  void abstractNamesNeedTheOtherEngine() throws Exception {
    Dialed dialed = dial(client(Limits.defaults()), new AbstractSocketAddress("name"));
    assertThat(dialed.awaitFailure())
        .isInstanceOf(ConnectException.class)
        .hasMessage(
            "cannot connect: address=@name: abstract names need the native engine;"
                + " use ws+unix:///PATH");
    assertThat(dialed.wasToldOutOfTurn()).isFalse();
  }

  @Test
  void congestionControlNeedsTheOtherEngine() throws Exception {
    SocketOptions options = SocketOptions.defaults().withCongestionControl("reno");
    InetSocketAddress address = rawServer().address();
    Dialed dialed = Dialed.to(client(Limits.defaults()).leastLoaded(), address, LONG, options);
    assertThat(dialed.awaitFailure())
        .isInstanceOf(ConnectException.class)
        .hasMessageEndingWith("needs the native engine: congestionControl=reno");
  }

  @Test
  void aNameIsToBeResolvedByOthers() throws Exception {
    InetSocketAddress name = InetSocketAddress.createUnresolved("localhost", 1);
    assertThat(dial(client(Limits.defaults()), name).awaitFailure())
        .isInstanceOf(ConnectException.class)
        .hasMessageContaining("the host name is not resolved");
  }

  // ---- The selector.

  private static Object field(Object owner, String name) throws Exception {
    Field field = owner.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(owner);
  }

  private static Selector selector(EngineClient client) throws Exception {
    return (Selector) field(((LoopGroup) field(client, "loops")).loop(0), "selector");
  }

  private static void awaitNoKey(EngineClient client) throws Exception {
    Selector selector = selector(client);
    Deadline.until(() -> selector.keys().isEmpty(), "the keys to go");
  }

  @Test
  void socketsAreAsAskedFor() throws Exception {
    EngineClient client = client(Limits.defaults());
    SocketOptions options =
        SocketOptions.defaults().withReceiveBufferBytes(8192).withSendBufferBytes(16_384);
    Dialed dialed = Dialed.to(client.leastLoaded(), rawServer().address(), LONG, options);
    dialed.awaitConnected();
    NetworkChannel channel = (NetworkChannel) selector(client).keys().iterator().next().channel();
    // Linux counts its own bookkeeping, as much again.
    assertThat(channel.getOption(StandardSocketOptions.SO_RCVBUF)).isBetween(8192, 16_384);
    assertThat(channel.getOption(StandardSocketOptions.SO_SNDBUF)).isBetween(16_384, 32_768);
    assertThat(channel.getOption(StandardSocketOptions.TCP_NODELAY)).isTrue();
  }

  /** With its key a closed channel gives its descriptor back. */
  @Test
  void noKeyOutlivesItsAttempt() throws Exception {
    EngineClient client = client(Limits.defaults());
    RawServer server = rawServer();
    dial(client, new InetSocketAddress("127.0.0.1", 1)).awaitFailure();
    dial(client, server.address()).awaitConnected().cancel();
    server.accept();
    Dialed malformed = dial(client, server.address()).awaitConnected().ask(Dialed.REQUEST);
    server.accept().write("no\r\n");
    malformed.awaitFailure();
    Dialed reset = dial(client, server.address()).awaitConnected().ask(Dialed.REQUEST);
    server.accept().reset();
    reset.awaitFailure();
    Recorder recorder = new Recorder();
    connect(client, recorder).close();
    recorder.awaitClose();
    awaitNoKey(client);
  }

  // ---- Compression.

  /** What a client compresses is masked, too; what it inflates comes plain. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void rfc7692_6_compressedFramesAreMasked(boolean takeover) throws Exception {
    EngineClient client = client(Limits.defaults(), Compression.enabled());
    RawServer server = rawServer();
    Dialed dialed = dial(client, server.address()).awaitConnected().ask(Dialed.REQUEST);
    RawServer.Peer peer = server.accept();
    peer.acceptUpgrade();
    dialed.awaitResponse();
    Attempt attempt = dialed.attempt();
    Handler echo = (connection, message) -> connection.send(message);
    DeflateParameters parameters = new DeflateParameters(15, takeover, 15, takeover);
    dialed.call(() -> attempt.open(echo, Dialed.HANDSHAKE, null, parameters));
    Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
    Inflater inflater = new Inflater(true);
    for (int length : new int[] {100, 5000, 200_000}) {
      byte[] bytes = "a compressed text, ".repeat(length / 19 + 1).getBytes();
      if (!takeover) {
        deflater.reset();
        inflater.reset();
      }
      byte[] compressed = deflate(deflater, bytes);
      peer.write(Frame.binary(compressed).unmasked().withReservedBits(4));
      RawServer.ClientFrame frame = peer.expect(Frame.BINARY);
      assertThat(frame.reservedBits()).isEqualTo(4);
      assertThat(frame.payload().length).isLessThan(bytes.length);
      assertThat(inflate(inflater, frame.payload(), bytes.length)).isEqualTo(bytes);
    }
    deflater.end();
    inflater.end();
  }

  /** Its other holder, on another thread, lets go of a block after it was looked at. */
  @ParameterizedTest
  @ValueSource(ints = {3000, 100_000})
  void whatOthersSawAMomentAgoIsMaskedInACopy(int length) throws Exception {
    Recorder recorder = new Recorder();
    byte[] payload = new byte[length];
    new Random(length).nextBytes(payload);
    Server.Builder echo =
        Server.builder()
            .engine(Engine.JAVA)
            .loops(1)
            .listen("ws://127.0.0.1:0")
            .route("/", (connection, message) -> connection.send(message));
    try (Server server = echo.start();
        Client client = Client.builder().engine(Engine.JAVA).build()) {
      NioConnection connection =
          (NioConnection)
              Deadline.await(client.connect(server.addresses().get(0), recorder), "open");
      connection.execute(
          () -> {
            Block block = connection.loop().pool().acquire(length);
            block.bytes().put(Block.HEADROOM, payload);
            connection.stream()
                .queue()
                .appendBlock(Opcode.BINARY, block, Block.HEADROOM, length, false, null);
            connection.flush();
          });
      assertThat(recorder.awaitMessage().payload()).isEqualTo(payload);
    }
  }

  /** RFC 7692 7.2.1: with a sync flush, whose last four bytes are left out. */
  private static byte[] deflate(Deflater deflater, byte[] bytes) {
    byte[] out = new byte[bytes.length + 100];
    deflater.setInput(bytes);
    int length = deflater.deflate(out, 0, out.length, Deflater.SYNC_FLUSH);
    return Arrays.copyOf(out, length - 4);
  }

  private static byte[] inflate(Inflater inflater, byte[] compressed, int length) throws Exception {
    byte[] in = Arrays.copyOf(compressed, compressed.length + 4);
    in[in.length - 2] = (byte) 0xFF;
    in[in.length - 1] = (byte) 0xFF;
    inflater.setInput(in);
    byte[] out = new byte[length + 1];
    return Arrays.copyOf(out, inflater.inflate(out));
  }

  // ---- Memory.

  /** A frame, a message, its answer: nothing for the collector but what the JDK's keys cost. */
  @Tag("unchecked")
  @Test
  void anEchoAllocatesNothingOnTheLoop() throws Exception {
    for (int length : new int[] {64, 16 << 10, 300_000}) {
      int count = length < 1000 ? 10_000 : length < 100_000 ? 2_000 : 200;
      long allocated = allocated(length, count) - allocatedByKeys(count + 1024);
      // The virtual machine compiles and samples meanwhile; an object for each message would be
      // 16 bytes times their number at the least.
      assertThat(allocated).as("bytes for %d messages of %d", count, length).isLessThan(4L * count);
    }
  }

  /** The JDK's own: 1024 keys are fetched at once. */
  private static long allocatedByKeys(int count) {
    MaskingKeys keys = new MaskingKeys();
    long before = THREADS.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < count; i++) {
      keys.next();
    }
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    assertThat(allocated).isLessThan(16L * count + 16_384);
    return allocated;
  }

  private long allocated(int length, int count) throws Exception {
    CompletableFuture<Long> allocated = new CompletableFuture<>();
    Handler handler =
        new Handler() {
          private int received;
          private long before;

          @Override
          public void onMessage(Connection connection, Message message) {
            received++;
            if (received == count) {
              before = THREADS.getCurrentThreadAllocatedBytes();
            } else if (received == 2 * count) {
              allocated.complete(THREADS.getCurrentThreadAllocatedBytes() - before);
            }
            connection.send(message);
          }
        };
    RawServer.Peer peer = connect(client(Limits.defaults()), handler);
    byte[] frame = RawClient.bytesOf(Frame.binary(new byte[length]).unmasked());
    for (int i = 0; i < 2 * count; i++) {
      peer.write(frame);
      peer.expect(Frame.BINARY);
    }
    return Deadline.await(allocated, "the messages");
  }

  /** Leases hold it all: a request that needs memory fails, and with it nothing else. */
  @Test
  void aRequestWithoutMemoryFails() throws Exception {
    EngineClient client =
        client(Limits.defaults().withRegionBytes(16 << 20).withMaxMessageBytes(1 << 20));
    Recorder recorder = new Recorder();
    RawServer.Peer peer = connect(client, recorder);
    Connection connection = recorder.awaitOpen();
    RawServer server = rawServer();
    Dialed dialed = dial(client, server.address()).awaitConnected();
    List<Lease> leases = new ArrayList<>();
    for (int capacity : new int[] {1 << 20, 128 << 10, 4 << 10, 1}) {
      leaseAll(connection, capacity, leases);
    }
    dialed.ask(Dialed.REQUEST);
    assertThat(dialed.awaitFailure())
        .hasMessage(
            "the connection broke before the response was complete: no memory left: errno=12");
    leases.forEach(Lease::close);
    assertThat(connection.isOpen()).isTrue();
    connection.send("still there");
    peer.expectText("still there");
  }

  /** On the loop: others leave it a quarter. */
  private static void leaseAll(Connection connection, int capacity, List<Lease> leases)
      throws Exception {
    CompletableFuture<Throwable> full = new CompletableFuture<>();
    connection.execute(
        () -> {
          try {
            for (; ; ) {
              leases.add(connection.lease(capacity));
            }
          } catch (Throwable t) {
            full.complete(t);
          }
        });
    assertThat(Deadline.await(full, "the leases"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no memory left");
  }
}
