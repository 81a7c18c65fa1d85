// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import dev.millrace.CloseCode;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads what a server writes, or a client, and takes nothing that RFC 6455 forbids it: no mask, or
 * always one and never the same twice running (5.1, 5.3), no reserved bit or opcode, minimal
 * lengths (5.2), whole and short control frames (5.5), fragments in order (5.4), close codes that
 * may be sent (7.4), UTF-8 where text is due (8.1), nothing behind a Close.
 */
final class FrameReader {

  private final DataInputStream in;
  private final boolean masked;
  private final byte[] key = new byte[4];
  private boolean inMessage;
  private boolean closed;
  private boolean compresses;

  /** Of a server. */
  FrameReader(InputStream in) {
    this(in, false);
  }

  private FrameReader(InputStream in, boolean masked) {
    this.in = new DataInputStream(in);
    this.masked = masked;
  }

  static FrameReader ofClient(InputStream in) {
    return new FrameReader(in, true);
  }

  /** From now on messages may be compressed (RFC 7692 6.1), which are not looked into here. */
  void allowCompressed() {
    compresses = true;
  }

  /** The next frame. An end of the stream is an {@link java.io.EOFException}. */
  ServerFrame next() throws IOException {
    int first = in.readUnsignedByte();
    demand(!closed, "a frame behind the Close frame (RFC 6455 5.5.1)");
    int second = in.readUnsignedByte();
    boolean last = (first & 0x80) != 0;
    int opcode = first & 0x0F;
    boolean begins = opcode == Frame.TEXT || opcode == Frame.BINARY;
    boolean compressed = compresses && begins && (first & 0x40) != 0;
    demand((first & (compressed ? 0x30 : 0x70)) == 0, "a reserved bit is set (RFC 6455 5.2)");
    demand((second & 0x80) != 0 == masked, "masked the wrong way (RFC 6455 5.1)");
    demand(opcode <= 2 || (opcode >= 8 && opcode <= 10), "reserved opcode " + opcode);
    long length = readLength(second & 0x7F);
    judge(last, opcode, length);
    readKey();
    byte[] payload = new byte[(int) length];
    in.readFully(payload);
    if (masked) {
      for (int i = 0; i < payload.length; i++) {
        payload[i] ^= key[i & 3];
      }
    }
    if (!compressed) {
      judgePayload(last, opcode, payload);
    }
    return new ServerFrame(last, opcode, compressed, payload);
  }

  /** The next byte, or -1 at the end of the stream. */
  int nextByte() throws IOException {
    return in.read();
  }

  private void readKey() throws IOException {
    if (masked) {
      byte[] before = key.clone();
      in.readFully(key);
      demand(!Arrays.equals(before, key), "a masking key came twice running (RFC 6455 5.3)");
    }
  }

  private long readLength(int form) throws IOException {
    if (form == 126) {
      int length = in.readUnsignedShort();
      demand(length > 125, "length " + length + " in 16 bits is not minimal (RFC 6455 5.2)");
      return length;
    }
    if (form == 127) {
      long length = in.readLong();
      demand(length > 0xFFFF, "length " + length + " in 64 bits is not minimal (RFC 6455 5.2)");
      return length;
    }
    return form;
  }

  private void judge(boolean last, int opcode, long length) {
    demand(length <= 1 << 30, "length " + length + " is beyond every test");
    if (opcode >= 8) {
      demand(last && length <= 125, "control frame in pieces or too long (RFC 6455 5.5)");
      return;
    }
    demand((opcode == 0) == inMessage, "fragments out of order (RFC 6455 5.4)");
    inMessage = !last;
  }

  private void judgePayload(boolean last, int opcode, byte[] payload) {
    if (opcode == Frame.TEXT && last) {
      demandUtf8(payload, 0);
    }
    if (opcode == Frame.CLOSE) {
      closed = true;
      demand(payload.length != 1, "a Close body of one byte (RFC 6455 5.5.1)");
      if (payload.length >= 2) {
        int code = (payload[0] & 0xFF) << 8 | (payload[1] & 0xFF);
        demand(CloseCode.isSendable(code), "close code " + code + " on the wire");
        demandUtf8(payload, 2);
      }
    }
  }

  private void demandUtf8(byte[] payload, int from) {
    try {
      StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(payload, from, payload.length - from));
    } catch (CharacterCodingException malformed) {
      throw new AssertionError("text that is not UTF-8", malformed);
    }
  }

  private void demand(boolean condition, String broken) {
    if (!condition) {
      throw new AssertionError(
          (masked ? "the client" : "the server") + " broke the protocol: " + broken);
    }
  }
}
