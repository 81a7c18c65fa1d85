// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.HandshakeLimits;
import dev.millrace.internal.protocol.HandshakeParser;
import dev.millrace.internal.protocol.HandshakeResponse;
import dev.millrace.internal.protocol.Refusal;
import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.RequestHead;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The opening handshake of a stream: its request so far, and the answer. Exists until the request
 * is answered. Loop thread only.
 */
final class Opening {
  private static final int FIRST_LENGTH = 512;

  private static final byte[] UNAVAILABLE = emptyResponse("503 Service Unavailable");
  private static final byte[] FAILED = emptyResponse("500 Internal Server Error");

  private final Stream stream;
  private final HandshakeLimits limits;
  private final HandshakeParser parser;
  private final SocketAddress remote;
  private final @Nullable Principal peer;
  private byte[] head = new byte[FIRST_LENGTH];
  private int length;

  Opening(Stream stream, SocketAddress remote, @Nullable Principal peer) {
    this.stream = stream;
    this.remote = remote;
    this.peer = peer;
    limits = stream.loop().handshakeLimits();
    parser = new HandshakeParser(limits);
  }

  /** The socket is readable: one receive. */
  void receive() {
    ReceiveBuffer buffer = stream.loop().receiveBuffer();
    int received = stream.receive(buffer.whole());
    if (received > 0) {
      take(buffer.block(), ReceiveBuffer.START, ReceiveBuffer.START + received);
    }
  }

  private void take(Block bytes, int at, int end) {
    // One byte over the limit is enough for the parser to refuse.
    int taken = Math.min(end - at, limits.maxHeaderBytes() + 1 - length);
    if (length + taken > head.length) {
      head = Arrays.copyOf(head, Math.max(length + taken, 2 * head.length));
    }
    bytes.bytes().get(at, head, length, taken);
    length += taken;
    switch (parser.parse(head, length)) {
      case INCOMPLETE -> {
        // The rest is still to come; the deadline stands.
      }
      case REFUSED -> refuse();
      case COMPLETE -> {
        int behind = length - parser.headLength();
        answer();
        stream.receivedBehindRequest(bytes, at + taken - behind, end);
      }
    }
  }

  private void refuse() {
    Refusal refusal = parser.refusal();
    if (refusal != null) {
      stream.refuse(refusal);
    }
  }

  private void answer() {
    NioLoop loop = stream.loop();
    loop.countEvent();
    if (loop.isDraining()) {
      stream.respond(ByteBuffer.wrap(UNAVAILABLE));
      return;
    }
    byte[] request = Arrays.copyOf(head, parser.headLength());
    Decision decision = decide(new RequestHead(request, kind(), remote, peer));
    if (decision instanceof Decision.Accept accept) {
      open(accept);
    } else if (decision instanceof Decision.Respond response) {
      stream.respond(response.response());
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
      return stream.loop().dispatcher().dispatch(request);
    } catch (Throwable t) {
      ErrorLog.log("a request could not be decided on: path=" + request.path(), t);
      return new Decision.Respond(ByteBuffer.wrap(FAILED));
    }
  }

  private void open(Decision.Accept accept) {
    if (parser.kind() != HandshakeParser.Kind.UPGRADE) {
      throw new IllegalStateException("only an upgrade can be accepted: kind=" + parser.kind());
    }
    NioConnection connection =
        new NioConnection(stream, accept.handler(), accept.handshake(), accept.executor());
    stream.loop().connectionBegan();
    stream.accept(HandshakeResponse.accept(parser.key(head), accept.headerLines()), connection);
    if (stream.isOpen()) {
      connection.onOpen();
    }
  }

  private static byte[] emptyResponse(String status) {
    return ("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .getBytes(StandardCharsets.US_ASCII);
  }
}
