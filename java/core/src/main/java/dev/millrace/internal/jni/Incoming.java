// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.CloseReason;
import dev.millrace.UnixPeer;
import dev.millrace.UpgradeResult;
import dev.millrace.internal.ring.EventReader;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.Admission;
import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.CloseReasons;
import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.Errno;
import dev.millrace.internal.spi.ProxiedAddress;
import dev.millrace.internal.spi.RequestDispatcher;
import dev.millrace.internal.spi.RequestHead;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Tells a loop's connections what the core has reported. Loop thread only, but for {@link
 * #count()}.
 */
final class Incoming {
  /**
   * As many as {@link dev.millrace.Message} promises; one past its handler throws for that long.
   */
  private static final int MESSAGES = 256;

  private static final int INITIAL_SLOTS = 64;

  /** Clients of Unix sockets have no name of their own. */
  private static final SocketAddress UNNAMED = UnixDomainSocketAddress.of("");

  private static final byte[] UNAVAILABLE = emptyResponse("503 Service Unavailable");
  private static final byte[] FAILED = emptyResponse("500 Internal Server Error");

  private final NativeLoop loop;
  private final LoopMemory memory;
  private final Outgoing outgoing;
  private final @Nullable RequestDispatcher dispatcher;
  private final @Nullable NativeClientLoop clientLoop;
  private final EventReader event;
  private final NativeMessage[] messages = new NativeMessage[MESSAGES];
  private int nextMessage;
  private @Nullable NativeConnection[] connections = new @Nullable NativeConnection[INITIAL_SLOTS];
  private volatile int count;
  private volatile int slots;
  private final Undecided undecided;

  /** {@code dispatcher} is null in the loop of a client. */
  Incoming(
      NativeLoop loop,
      LoopMemory memory,
      Outgoing outgoing,
      @Nullable RequestDispatcher dispatcher) {
    this.loop = loop;
    this.memory = memory;
    this.outgoing = outgoing;
    this.dispatcher = dispatcher;
    clientLoop = dispatcher == null ? new NativeClientLoop(loop, outgoing) : null;
    event = new EventReader(memory.control());
    undecided = new Undecided(loop, this);
    Arrays.setAll(messages, i -> new NativeMessage(loop));
  }

  /** Connections that are open or closing. Any thread. */
  int count() {
    return count;
  }

  /** The connection that has this slot and generation, or null when it has ended. */
  @Nullable NativeConnection connection(int slot, int generation) {
    if (slot < 0 || slot >= connections.length) {
      return null;
    }
    NativeConnection connection = connections[slot];
    return connection != null && connection.generation() == generation ? connection : null;
  }

  /** Every connection there is. */
  void forEach(Consumer<NativeConnection> action) {
    for (NativeConnection connection : connections) {
      if (connection != null) {
        action.accept(connection);
      }
    }
  }

  /** The connections of some slots, up to the end of the table at most. */
  void forEach(int from, int to, Consumer<? super NativeConnection> action) {
    for (int slot = from; slot < Math.min(to, connections.length); slot++) {
      NativeConnection connection = connections[slot];
      if (connection != null) {
        action.accept(connection);
      }
    }
  }

  /** How many slots there are to look at. Any thread. */
  int slots() {
    return slots;
  }

  /** The loop ends: every connection is told. */
  void endAll(CloseReason reason) {
    for (int slot = 0; slot < connections.length; slot++) {
      NativeConnection connection = connections[slot];
      if (connection != null) {
        connections[slot] = null;
        loop.givePlaceBack();
        connection.onLoopEnd(reason);
      }
    }
    count = 0;
    undecided.abandonAll();
    failAttempts();
  }

  /** The loop ends, or is about to. */
  void failAttempts() {
    if (clientLoop != null) {
      clientLoop.failAll();
    }
  }

  boolean isClient() {
    return clientLoop != null;
  }

  /** Of a client's loop. */
  NativeClientLoop clientLoop() {
    return Objects.requireNonNull(clientLoop);
  }

  /** Whether the application has still to decide on requests. Loop thread. */
  boolean isDeciding() {
    return !undecided.isEmpty();
  }

  /** Tells what the last call has written. */
  void drain(int events) {
    for (int i = 0; i < events; i++) {
      event.wrap(i);
      try {
        // Messages first: they are what there is most of.
        if (event.type() == Records.MESSAGE) {
          onMessage();
        } else {
          onOther(i);
        }
      } catch (Throwable t) {
        onFailure(i, t);
      }
    }
  }

  /**
   * What handlers throw is dealt with where they are called, so this is a fault of our own, or a
   * JVM that cannot go on as it should: a class that cannot be loaded for want of a descriptor. It
   * costs the connection that it concerns, not the loop.
   */
  private void onFailure(int index, Throwable failure) {
    event.wrap(index);
    NativeLoop.log(Level.ERROR, "an event could not be handled: type=" + event.type(), failure);
    switch (event.type()) {
      case Records.REQUEST,
          Records.MESSAGE,
          Records.CLOSING,
          Records.DRAINED,
          Records.FINISHED,
          Records.CONNECTED,
          Records.RESPONSE ->
          outgoing.abort(event.slot(), event.generation());
      default -> {
        // CLOSED has nothing left to cut; the others concern no connection.
      }
    }
  }

  private void onMessage() {
    NativeConnection connection = connection(event.slot(), event.generation());
    if (connection == null) {
      return;
    }
    NativeMessage message =
        CheckedMode.isOn() ? new NativeMessage(loop) : messages[nextMessage++ & MESSAGES - 1];
    message.fill(event.opcode(), event.address(), event.length(), event.has(Records.IN_BLOCK));
    connection.onMessage(message);
    message.empty();
  }

  private void onOther(int index) {
    switch (event.type()) {
      case Records.REQUEST -> onRequest(index);
      case Records.PROXIED, Records.PEER -> {
        // Read with its REQUEST.
      }
      case Records.LISTENING ->
          loop.onListening(event.slot(), (int) event.auxiliary(), event.has(Records.FAILED));
      case Records.TIMER -> loop.onTimer(event.slot(), event.generation());
      case Records.SENT -> onSent();
      case Records.DIALED -> clientLoop().onDialed(event);
      case Records.CONNECTED -> clientLoop().onConnected(event);
      case Records.RESPONSE -> clientLoop().onResponse(event, bytes());
      default -> onConnectionEvent();
    }
  }

  private void onConnectionEvent() {
    NativeConnection connection = connection(event.slot(), event.generation());
    if (connection == null) {
      if (event.type() == Records.CLOSED && clientLoop != null) {
        clientLoop.onClosed(event);
      } else if (event.type() == Records.CLOSED) {
        undecided.ended(event.slot(), event.generation());
      }
      return;
    }
    switch (event.type()) {
      case Records.DRAINED -> connection.onDrained();
      case Records.FINISHED -> connection.onFinished();
      case Records.CLOSING -> onClosing(connection);
      case Records.CLOSED -> onClosed(connection);
      default -> throw new IllegalStateException("unknown event: type=" + event.type());
    }
  }

  private void onSent() {
    long token = event.auxiliary();
    int slot = Completions.slot(token);
    NativeConnection connection = slot < connections.length ? connections[slot] : null;
    if (connection != null) {
      connection.onSent(token, event.has(Records.FAILED));
    }
  }

  private void onClosing(NativeConnection connection) {
    long auxiliary = event.auxiliary();
    int answer = (int) auxiliary & 0xFFFF;
    int protocolError = (int) (auxiliary >>> 16) & 0xFFFF;
    String reason = event.length() == 0 ? "" : new String(bytes(), StandardCharsets.UTF_8);
    connection.onClosing(answer, protocolError, reason);
  }

  private void onClosed(NativeConnection connection) {
    long auxiliary = event.auxiliary();
    connections[connection.slot()] = null;
    setCount(count - 1);
    loop.givePlaceBack();
    int errno = (int) (auxiliary >>> 32);
    connection.onClosed(
        new CloseReasons.End(
            (int) auxiliary & 0xFFFF,
            (int) (auxiliary >>> 16) & 0xFFFF,
            errno,
            Errno.failure(errno),
            event.has(Records.PEER_BEGAN),
            event.has(Records.TIMED_OUT)));
  }

  private byte[] bytes() {
    byte[] bytes = new byte[event.length()];
    memory.region().get(Records.offset(event.address()), bytes);
    return bytes;
  }

  // ---- Requests.

  private void onRequest(int index) {
    int slot = event.slot();
    int generation = event.generation();
    RequestHead.Kind kind =
        switch (event.opcode()) {
          case Records.UPGRADE -> RequestHead.Kind.UPGRADE;
          case Records.HEAD -> RequestHead.Kind.HEAD;
          default -> RequestHead.Kind.GET;
        };
    byte[] head = bytes();
    RequestHead request = request(head, kind, index + 1);
    if (loop.isDraining() || kind == RequestHead.Kind.UPGRADE && loop.isFull()) {
      refuse(slot, generation, kind);
      return;
    }
    Decision decision = decide(request);
    if (decision instanceof Decision.Accept accept) {
      if (!open(slot, generation, accept)) {
        if (accept.handshake() instanceof Admission place) {
          place.release();
        }
        refuse(slot, generation, kind);
      }
    } else if (decision instanceof Decision.Respond response) {
      respond(slot, generation, response.response());
    } else if (decision instanceof Decision.Later later) {
      undecided.add(slot, generation, later);
    }
  }

  private Decision decide(RequestHead head) {
    try {
      return Objects.requireNonNull(dispatcher).dispatch(head);
    } catch (Throwable t) {
      NativeLoop.log(Level.ERROR, "a request could not be decided on: path=" + head.path(), t);
      return new Decision.Respond(ByteBuffer.wrap(FAILED));
    }
  }

  /** False when the server has taken as many connections as it may in the meantime. */
  boolean open(int slot, int generation, Decision.Accept accept) {
    NativeConnection connection =
        new NativeConnection(
            loop, slot, generation, accept.handler(), accept.handshake(), accept.executor());
    if (!add(connection)) {
      return false;
    }
    outgoing.acceptUpgrade(slot, generation, accept.headerLines(), accept.deflate());
    connection.onOpen();
    return true;
  }

  /** A client's socket becomes a connection. */
  void open(NativeConnection connection, @Nullable DeflateParameters deflate) {
    if (!add(connection)) {
      throw new IllegalStateException("a client has no limit of connections");
    }
    outgoing.open(connection, deflate);
    connection.onOpen();
  }

  private boolean add(NativeConnection connection) {
    int slot = connection.slot();
    if (slot >= connections.length) {
      connections = Arrays.copyOf(connections, Math.max(slot + 1, 2 * connections.length));
    }
    // Whoever is in the table gives its place back.
    if (!loop.takePlace()) {
      return false;
    }
    connections[slot] = connection;
    slots = Math.max(slots, slot + 1);
    setCount(count + 1);
    loop.meter().upgrade(UpgradeResult.ACCEPTED);
    return true;
  }

  /** The server takes no more. */
  void refuse(int slot, int generation, RequestHead.Kind kind) {
    if (kind == RequestHead.Kind.UPGRADE) {
      loop.meter().upgrade(UpgradeResult.FULL);
    }
    respond(slot, generation, ByteBuffer.wrap(UNAVAILABLE));
  }

  /** Something of our own or the application's is wrong. */
  void fail(int slot, int generation) {
    respond(slot, generation, ByteBuffer.wrap(FAILED));
  }

  void respond(int slot, int generation, ByteBuffer response) {
    if (!outgoing.respond(slot, generation, response)) {
      outgoing.respond(slot, generation, ByteBuffer.wrap(UNAVAILABLE));
    }
  }

  private RequestHead request(byte[] head, RequestHead.Kind kind, int companion) {
    EventReader peer = event.wrap(companion);
    ProxiedAddress proxied = null;
    if (peer.type() == Records.PROXIED) {
      proxied = proxied(peer);
      peer.wrap(companion + 1);
    }
    if (peer.opcode() != Records.LOCAL) {
      return new RequestHead(head, kind, tcpAddress(peer), null, proxied);
    }
    UnixPeer identity =
        peer.has(Records.FAILED)
            ? null
            : new UnixPeer(
                (int) peer.auxiliary(), peer.address() & 0xFFFF_FFFFL, peer.address() >>> 32);
    return new RequestHead(head, kind, UNNAMED, identity, proxied);
  }

  private static ProxiedAddress proxied(EventReader header) {
    return switch (header.opcode()) {
      case Records.IPV4, Records.IPV6 -> new ProxiedAddress(tcpAddress(header));
      case Records.LOCAL -> ProxiedAddress.LOCAL;
      default -> ProxiedAddress.UNKNOWN;
    };
  }

  private static SocketAddress tcpAddress(EventReader peer) {
    ByteBuffer ip = ByteBuffer.allocate(2 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    ip.putLong(peer.address()).putLong(peer.auxiliary());
    int length = peer.opcode() == Records.IPV4 ? 4 : 16;
    try {
      InetAddress address = InetAddress.getByAddress(Arrays.copyOf(ip.array(), length));
      return new InetSocketAddress(address, peer.length());
    } catch (UnknownHostException e) {
      throw new IllegalStateException("4 and 16 bytes are the lengths of addresses", e);
    }
  }

  // Written by one thread only, so that reading and writing need not be one step.
  private void setCount(int newCount) {
    count = newCount;
  }

  private static byte[] emptyResponse(String status) {
    return ("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .getBytes(StandardCharsets.US_ASCII);
  }
}
