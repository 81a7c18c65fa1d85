// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A frame as a client writes it (RFC 6455 5.2). It starts out legal: final, masked, in the minimal
 * length form. Each {@code with} breaks one thing and nothing else.
 */
public final class Frame {

  public static final int CONTINUATION = 0x0;
  public static final int TEXT = 0x1;
  public static final int BINARY = 0x2;
  public static final int CLOSE = 0x8;
  public static final int PING = 0x9;
  public static final int PONG = 0xA;

  private static final AtomicInteger NEXT_KEY = new AtomicInteger(0x37FA213D);

  private final int opcode;
  private final byte[] payload;
  private boolean last = true;
  private int reservedBits;
  private boolean masked = true;
  private int lengthBits;
  private long declaredLength;

  private Frame(int opcode, byte[] payload) {
    this.opcode = opcode;
    this.payload = payload;
    this.declaredLength = payload.length;
    this.lengthBits = minimalBits(payload.length);
  }

  public static Frame of(int opcode, byte[] payload) {
    return new Frame(opcode, payload);
  }

  public static Frame text(String text) {
    return of(TEXT, text.getBytes(StandardCharsets.UTF_8));
  }

  public static Frame binary(byte[] payload) {
    return of(BINARY, payload);
  }

  public static Frame ping(String payload) {
    return of(PING, payload.getBytes(StandardCharsets.UTF_8));
  }

  public static Frame pong(String payload) {
    return of(PONG, payload.getBytes(StandardCharsets.UTF_8));
  }

  public static Frame close() {
    return of(CLOSE, new byte[0]);
  }

  public static Frame close(int code, String reason) {
    return of(CLOSE, closeBody(code, reason.getBytes(StandardCharsets.UTF_8)));
  }

  public static Frame continuation(byte[] payload) {
    return of(CONTINUATION, payload);
  }

  public static byte[] closeBody(int code, byte[] reason) {
    return ByteBuffer.allocate(2 + reason.length).putShort((short) code).put(reason).array();
  }

  /** FIN is 0: more fragments follow. */
  public Frame unfinished() {
    last = false;
    return this;
  }

  /** RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  public Frame withReservedBits(int bits) {
    reservedBits = bits;
    return this;
  }

  public Frame unmasked() {
    masked = false;
    return this;
  }

  /** Writes the length in 7, 16 or 64 bits, needed or not. */
  public Frame withLengthBits(int bits) {
    lengthBits = bits;
    return this;
  }

  /** Declares a length, as an unsigned number, that the payload need not have. */
  public Frame declaring(long length) {
    declaredLength = length;
    lengthBits = minimalBits(length);
    return this;
  }

  /** The header alone, masking key included. */
  public byte[] header() {
    return write(0x9E3779B9, false);
  }

  public byte[] bytes() {
    return write(NEXT_KEY.getAndAdd(0x9E3779B9), true);
  }

  private byte[] write(int key, boolean withPayload) {
    ByteBuffer out = ByteBuffer.allocate(14 + (withPayload ? payload.length : 0));
    out.put((byte) ((last ? 0x80 : 0) | (reservedBits << 4) | opcode));
    int mask = masked ? 0x80 : 0;
    switch (lengthBits) {
      case 7 -> out.put((byte) (mask | (int) declaredLength));
      case 16 -> out.put((byte) (mask | 126)).putShort((short) declaredLength);
      default -> out.put((byte) (mask | 127)).putLong(declaredLength);
    }
    if (masked) {
      out.putInt(key);
    }
    if (withPayload) {
      putPayload(out, masked ? key : 0);
    }
    byte[] bytes = new byte[out.position()];
    out.flip().get(bytes);
    return bytes;
  }

  private void putPayload(ByteBuffer out, int key) {
    byte[] bytes = payload.clone();
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] ^= (byte) (key >>> (24 - 8 * (i & 3)));
    }
    out.put(bytes);
  }

  /**
   * A stream of frames as the other side would write it: what was masked is not, and what was not
   * is masked. A last frame may be cut short.
   */
  public static byte[] turned(byte[] stream) {
    ByteBuffer in = ByteBuffer.wrap(stream);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    while (in.remaining() >= 2) {
      out.write(in.get());
      int second = in.get();
      out.write(second ^ 0x80);
      int form = second & 0x7F;
      byte[] extended = new byte[form == 127 ? 8 : form == 126 ? 2 : 0];
      in.get(extended);
      out.writeBytes(extended);
      long length = extended.length == 0 ? form : new BigInteger(1, extended).longValue();
      byte[] key = new byte[4];
      if ((second & 0x80) != 0) {
        in.get(key);
      } else {
        new Random(length).nextBytes(key);
        out.writeBytes(key);
      }
      boolean isCut = length < 0 || length > in.remaining();
      byte[] payload = new byte[isCut ? in.remaining() : (int) length];
      in.get(payload);
      for (int i = 0; i < payload.length; i++) {
        payload[i] ^= key[i & 3];
      }
      out.writeBytes(payload);
    }
    return out.toByteArray();
  }

  private static int minimalBits(long length) {
    if (length < 0 || length > 0xFFFF) {
      return 64;
    }
    return length <= 125 ? 7 : 16;
  }

  public static byte[] join(byte[]... parts) {
    ByteArrayOutputStream joined = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      joined.writeBytes(part);
    }
    return joined.toByteArray();
  }
}
