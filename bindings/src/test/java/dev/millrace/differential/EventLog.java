// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handshake;
import dev.millrace.Message;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.TreeMap;

/** What one connection's handler was told, in order and whole, as bytes that can be compared. */
final class EventLog {
  private final Bytes bytes = new Bytes();

  private EventLog text(String text) {
    byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
    bytes.putNumber(encoded.length, 4).put(encoded);
    return this;
  }

  void opened(Connection connection) {
    Handshake handshake = connection.handshake();
    bytes.put('O');
    text(handshake.path()).text(handshake.query().toString());
    text(new TreeMap<>(handshake.parameters()).toString());
    text(handshake.subprotocol().toString()).text(handshake.header("Origin").toString());
  }

  void message(Message message) {
    bytes.put(message.kind() == Message.Kind.TEXT ? 'T' : 'B');
    ByteBuffer payload = message.payload();
    bytes.putNumber(payload.remaining(), 4);
    byte[] copy = new byte[payload.remaining()];
    payload.get(copy);
    bytes.put(copy);
  }

  void failed(Throwable cause) {
    bytes.put('E');
    text(cause.toString());
  }

  void closed(CloseReason reason) {
    bytes.put('C').putNumber(reason.code(), 4);
    text(reason.text()).text(reason.initiator().name());
    Throwable cause = reason.cause();
    text(cause == null ? "" : cause.getClass().getName());
  }

  byte[] toArray() {
    return bytes.toArray();
  }

  /** One line for each event. */
  static String describe(byte[] log) {
    StringBuilder text = new StringBuilder();
    ByteBuffer in = ByteBuffer.wrap(log);
    while (in.hasRemaining()) {
      char event = (char) in.get();
      switch (event) {
        case 'O' -> {
          text.append("    open");
          for (int i = 0; i < 5; i++) {
            text.append(' ').append(next(in));
          }
        }
        case 'T' -> text.append("    text ").append(hex(in));
        case 'B' -> text.append("    binary ").append(hex(in));
        case 'E' -> text.append("    error ").append(next(in));
        default -> {
          text.append("    close ").append(in.getInt()).append(" '").append(next(in));
          text.append("' by ").append(next(in)).append(' ').append(next(in));
        }
      }
      text.append('\n');
    }
    return text.toString();
  }

  private static byte[] take(ByteBuffer in) {
    byte[] taken = new byte[in.getInt()];
    in.get(taken);
    return taken;
  }

  private static String next(ByteBuffer in) {
    return new String(take(in), StandardCharsets.UTF_8);
  }

  private static String hex(ByteBuffer in) {
    byte[] payload = take(in);
    return payload.length + " bytes " + Outcome.shortened(HexFormat.of().formatHex(payload));
  }
}
