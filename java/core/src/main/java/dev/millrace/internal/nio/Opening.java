// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.UpgradeResult;
import dev.millrace.internal.protocol.HandshakeLimits;
import dev.millrace.internal.protocol.HandshakeParser;
import dev.millrace.internal.protocol.HandshakeResponse;
import dev.millrace.internal.protocol.Refusal;
import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.internal.spi.ProxiedAddress;
import dev.millrace.internal.spi.RequestHead;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The server's side of an opening handshake: the request so far, and the answer. Exists until the
 * request is answered. Loop thread only.
 *
 * <p><b>While the application decides</b>, what comes behind the request is kept, up to {@link
 * #KEPT_BYTES} besides what came with it. It is read at all because only a read tells that the peer
 * has reset the connection: a selector that is asked for nothing says nothing. The first of three
 * ends the waiting, and the other two do nothing then: the decision, its deadline, the stream's
 * end.
 */
final class Opening implements OpeningHandshake {
  private static final int FIRST_LENGTH = 512;
  private static final int KEPT_BYTES = 16 << 10;

  private static final ByteBuffer UNAVAILABLE = emptyResponse("503 Service Unavailable");
  private static final ByteBuffer FAILED = emptyResponse("500 Internal Server Error");

  private final Stream stream;
  private final NioLoop loop;
  private final HandshakeLimits limits;
  private final HandshakeParser parser;
  private final SocketAddress remote;
  private final @Nullable Principal peer;

  // The request, and behind it what came while the answer was awaited.
  private byte[] head = new byte[FIRST_LENGTH];
  private int length;

  // Until the bytes in front of the request are known, they are what `head` holds.
  private boolean awaitsProxyHeader;
  private @Nullable ProxiedAddress proxied;

  private Decision.@Nullable Later awaited;
  private boolean finished;

  Opening(Stream stream, SocketAddress remote, @Nullable Principal peer) {
    this.stream = stream;
    this.remote = remote;
    this.peer = peer;
    loop = stream.loop();
    limits = loop.handshakeLimits();
    parser = new HandshakeParser(limits, loop.relaxed());
    awaitsProxyHeader = loop.takesProxyHeaders();
  }

  // ---- Receiving.

  @Override
  public void ready() {
    ReceiveBuffer buffer = loop.receiveBuffer();
    int most = awaited == null ? ReceiveBuffer.QUANTUM : KEPT_BYTES;
    int received = stream.receive(buffer.room(0, most));
    if (received == 0) {
      return;
    }
    int end = ReceiveBuffer.START + received;
    if (awaitsProxyHeader) {
      takeProxyHeader(buffer.block(), ReceiveBuffer.START, end);
    } else if (awaited == null) {
      take(buffer.block(), ReceiveBuffer.START, end);
    } else {
      keep(buffer.block(), ReceiveBuffer.START, end);
      stream.receivedBehindRequest(buffer.block(), end, end);
    }
  }

  /** The header of the PROXY protocol, and the request behind it or in its place. */
  private void takeProxyHeader(Block bytes, int at, int end) {
    int before = length;
    keep(bytes, at, Math.min(end, at + ProxyHeader.MAX_LENGTH - before));
    ProxyHeader header = ProxyHeader.parse(head, length);
    switch (header.verdict()) {
      case INCOMPLETE -> {
        // The rest is still to come; the deadline stands.
      }
      case MALFORMED -> {
        loop.counters().increment(LoopCounter.HANDSHAKES_REFUSED);
        stream.end(0, false);
      }
      case ABSENT -> {
        awaitsProxyHeader = false;
        length = before;
        take(bytes, at, end);
      }
      case COMPLETE -> {
        awaitsProxyHeader = false;
        proxied = proxied(header);
        length = 0;
        int request = at + header.length() - before;
        if (request < end) {
          take(bytes, request, end);
        }
      }
    }
  }

  private static ProxiedAddress proxied(ProxyHeader header) {
    return switch (header.family()) {
      case NONE -> ProxiedAddress.UNKNOWN;
      case LOCAL -> ProxiedAddress.LOCAL;
      case IPV4, IPV6 -> ProxiedAddress.of(header.ip(), header.port());
    };
  }

  private void take(Block bytes, int at, int end) {
    // One byte over the limit is enough for the parser to refuse.
    int taken = Math.min(end - at, limits.maxHeaderBytes() + 1 - length);
    keep(bytes, at, at + taken);
    switch (parser.parse(head, length)) {
      case INCOMPLETE -> {
        // The rest is still to come; the deadline stands.
      }
      case REFUSED -> refuse();
      case COMPLETE -> {
        int behind = at + taken - (length - parser.headLength());
        length = parser.headLength();
        answer();
        if (awaited != null) {
          keep(bytes, behind, end);
        }
        stream.receivedBehindRequest(bytes, behind, end);
      }
    }
  }

  private void keep(Block bytes, int from, int to) {
    int more = to - from;
    if (length + more > head.length) {
      head = Arrays.copyOf(head, Math.max(length + more, 2 * head.length));
    }
    bytes.bytes().get(from, head, length, more);
    length += more;
  }

  @Override
  public int operations() {
    boolean reads = awaited == null || !finished && length - parser.headLength() < KEPT_BYTES;
    return reads ? SelectionKey.OP_READ : 0;
  }

  @Override
  public void finished() {
    if (awaited == null) {
      stream.end(0, false);
    } else {
      // It may still be waiting for the answer; what follows is seen again behind that.
      finished = true;
    }
  }

  // ---- Answering.

  private void refuse() {
    Refusal refusal = parser.refusal();
    if (refusal != null) {
      stream.refuse(refusal);
    }
  }

  private void answer() {
    loop.countEvent();
    boolean isUpgrade = parser.kind() == HandshakeParser.Kind.UPGRADE;
    if (loop.isDraining() || isUpgrade && loop.connections().isFull()) {
      if (isUpgrade) {
        loop.meter().upgrade(UpgradeResult.FULL);
      }
      stream.respond(UNAVAILABLE);
      return;
    }
    byte[] request = Arrays.copyOf(head, length);
    Decision decision = decide(new RequestHead(request, kind(), remote, peer, proxied));
    if (decision instanceof Decision.Accept accept) {
      accept(accept);
    } else if (decision instanceof Decision.Respond response) {
      stream.respond(response.response());
    } else if (decision instanceof Decision.Later later) {
      await(later);
    }
  }

  private RequestHead.Kind kind() {
    return switch (parser.kind()) {
      case UPGRADE -> RequestHead.Kind.UPGRADE;
      case GET -> RequestHead.Kind.GET;
      case HEAD -> RequestHead.Kind.HEAD;
    };
  }

  private Decision decide(RequestHead request) {
    try {
      return loop.dispatcher().dispatch(request);
    } catch (Throwable t) {
      ErrorLog.log("a request could not be decided on: path=" + request.path(), t);
      return new Decision.Respond(FAILED);
    }
  }

  private void accept(Decision.Accept accept) {
    if (loop.connections().tryAdd()) {
      open(accept);
      return;
    }
    // Another loop was faster.
    connectionFor(accept).onRefused();
    loop.meter().upgrade(UpgradeResult.FULL);
    stream.respond(UNAVAILABLE);
  }

  /** The connection has been admitted. */
  private void open(Decision.Accept accept) {
    NioConnection connection = connectionFor(accept);
    loop.connectionBegan();
    if (accept.deflate() != null) {
      stream.compress(accept.deflate());
    }
    stream.accept(HandshakeResponse.accept(parser.key(head), accept.headerLines()), connection);
    if (stream.isOpen()) {
      connection.onOpen();
    }
  }

  private NioConnection connectionFor(Decision.Accept accept) {
    if (parser.kind() != HandshakeParser.Kind.UPGRADE) {
      throw new IllegalStateException("only an upgrade can be accepted: kind=" + parser.kind());
    }
    return new NioConnection(stream, accept.handler(), accept.handshake(), accept.executor());
  }

  // ---- Deciding later.

  private void await(Decision.Later later) {
    awaited = later;
    stream.endIn(Timeouts.nanos(later.deadline()));
    // By way of the inbox on the loop's thread too: a handler may be what completes it.
    later.decision().whenComplete((decision, failure) -> loop.post(() -> decided(later, decision)));
  }

  private void decided(Decision.Later later, @Nullable Decision decision) {
    if (awaited != later) {
      return;
    }
    awaited = null;
    loop.countEvent();
    if (decision instanceof Decision.Respond response) {
      stream.respond(response.response());
    } else if (decision instanceof Decision.Accept accept) {
      acceptLate(later, accept);
    } else {
      refuseLate(later, FAILED);
    }
  }

  private void acceptLate(Decision.Later later, Decision.Accept accept) {
    if (loop.isDraining() || !loop.connections().tryAdd()) {
      loop.meter().upgrade(UpgradeResult.FULL);
      refuseLate(later, UNAVAILABLE);
      return;
    }
    open(accept);
    stream.hold(head, parser.headLength(), length);
  }

  private void refuseLate(Decision.Later later, ByteBuffer response) {
    loop.runLogging(later.abandon());
    stream.respond(response);
  }

  @Override
  public boolean isDecidedOn() {
    return awaited != null;
  }

  /** The deadline of the request, or of the decision on it, has passed. */
  @Override
  public void late() {
    Decision.Later later = awaited;
    if (later == null) {
      stream.end(0, true);
    } else {
      awaited = null;
      loop.countEvent();
      loop.meter().upgrade(UpgradeResult.TIMED_OUT);
      refuseLate(later, later.late().response());
    }
  }

  /** Who asks meanwhile is answered, that there is no more room. */
  @Override
  public void drain() {}

  @Override
  public void drop(int errno, @Nullable IOException failure) {
    Decision.Later later = awaited;
    if (later != null) {
      awaited = null;
      loop.runLogging(later.abandon());
    }
  }

  private static ByteBuffer emptyResponse(String status) {
    String response = "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    return ByteBuffer.wrap(response.getBytes(StandardCharsets.US_ASCII)).asReadOnlyBuffer();
  }
}
