// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.spi.IpLiteral;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The PROXY protocol, versions 1 and 2: what a proxy says in front of the first byte of a
 * connection about whose it is. Immutable.
 */
final class ProxyHeader {

  /** What the first bytes of a connection are. */
  public enum Verdict {
    INCOMPLETE,
    /** No first bytes of a header. */
    ABSENT,
    COMPLETE,
    /** They began as a header. */
    MALFORMED
  }

  /** What the connection is made over. */
  public enum Family {
    /** The proxy speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC). */
    NONE,
    /** A Unix socket, whose name is not kept. */
    LOCAL,
    IPV4,
    IPV6
  }

  /** The longest line of version 1, its CRLF included. */
  static final int MAX_LINE = 107;

  /**
   * The longest header of version 2 that is taken, its additions included: what fits the smallest
   * packet of all networks. From so many bytes on none is incomplete.
   */
  public static final int MAX_LENGTH = 536;

  private static final byte[] LINE_START = "PROXY ".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] SIGNATURE =
      "\r\n\r\n\0\r\nQUIT\n".getBytes(StandardCharsets.US_ASCII);

  /** Signature, version and command, family and transport, two bytes of length. */
  private static final int FIXED_PART = 16;

  private static final int IPV4_LENGTH = 4;
  private static final int IPV6_LENGTH = 16;
  private static final int UNIX_NAMES = 216;
  private static final int MAX_PORT = 65_535;
  private static final byte[] NO_IP = {};

  private static final ProxyHeader INCOMPLETE = judged(Verdict.INCOMPLETE);
  private static final ProxyHeader ABSENT = judged(Verdict.ABSENT);
  private static final ProxyHeader MALFORMED = judged(Verdict.MALFORMED);

  private final Verdict verdict;
  private final int length;
  private final Family family;
  private final byte[] ip;
  private final int port;

  private ProxyHeader(Verdict verdict, int length, Family family, byte[] ip, int port) {
    this.verdict = verdict;
    this.length = length;
    this.family = family;
    this.ip = ip;
    this.port = port;
  }

  private static ProxyHeader judged(Verdict verdict) {
    return new ProxyHeader(verdict, 0, Family.NONE, NO_IP, 0);
  }

  private static ProxyHeader complete(int length, Family family, byte[] ip, int port) {
    return new ProxyHeader(Verdict.COMPLETE, length, family, ip, port);
  }

  /**
   * Reads the header that some bytes begin with. Keeps no state: while it is incomplete, give it
   * the same bytes with more behind them. What it has once decided, more bytes do not change.
   *
   * <p>Version 1 is judged when its line is whole. Of version 2 the additions behind the addresses
   * (TLVs) are skipped, and of LOCAL the addresses, too.
   */
  public static ProxyHeader parse(byte[] bytes, int length) {
    if (agree(bytes, length, LINE_START)) {
      return length < LINE_START.length ? INCOMPLETE : parseFirst(bytes, length);
    }
    if (agree(bytes, length, SIGNATURE)) {
      return length < FIXED_PART ? INCOMPLETE : parseSecond(bytes, length);
    }
    return ABSENT;
  }

  public Verdict verdict() {
    return verdict;
  }

  /** Bytes up to the first of the request; 0 unless complete. */
  public int length() {
    return length;
  }

  public Family family() {
    return family;
  }

  /** The client's address in network order, empty unless the family is of IP. Not a copy. */
  public byte[] ip() {
    return ip;
  }

  /** The client's port. */
  public int port() {
    return port;
  }

  /** Whether the bytes are the start of others, or begin with all of them. */
  private static boolean agree(byte[] bytes, int length, byte[] whole) {
    int both = Math.min(length, whole.length);
    return Arrays.equals(bytes, 0, both, whole, 0, both);
  }

  // ---- Version 1.

  private static ProxyHeader parseFirst(byte[] bytes, int length) {
    int most = Math.min(length, MAX_LINE);
    int end = 0;
    while (end < most && bytes[end] != '\n') {
      end++;
    }
    if (end == most) {
      return most < MAX_LINE ? INCOMPLETE : MALFORMED;
    }
    if (bytes[end - 1] != '\r') {
      return MALFORMED;
    }
    int start = LINE_START.length;
    String line = new String(bytes, start, end - 1 - start, StandardCharsets.ISO_8859_1);
    return parseLine(line, end + 1);
  }

  /** {@code TCP4 192.0.2.1 198.51.100.1 4711 443}. */
  private static ProxyHeader parseLine(String line, int length) {
    if (line.equals("UNKNOWN") || line.startsWith("UNKNOWN ")) {
      return complete(length, Family.NONE, NO_IP, 0);
    }
    String[] words = line.split(" ", -1);
    boolean isIpv4 = words[0].equals("TCP4");
    if (words.length != 5 || !isIpv4 && !words[0].equals("TCP6")) {
      return MALFORMED;
    }
    byte[] source = ip(words[1], isIpv4);
    byte[] destination = ip(words[2], isIpv4);
    int port = IpLiteral.decimal(words[3], MAX_PORT);
    int destinationPort = IpLiteral.decimal(words[4], MAX_PORT);
    if (source == null || destination == null || port < 0 || destinationPort < 0) {
      return MALFORMED;
    }
    return complete(length, isIpv4 ? Family.IPV4 : Family.IPV6, source, port);
  }

  private static byte @Nullable [] ip(String text, boolean isIpv4) {
    return isIpv4 ? IpLiteral.parseIpv4(text) : IpLiteral.parseIpv6(text);
  }

  // ---- Version 2.

  private static ProxyHeader parseSecond(byte[] bytes, int length) {
    int command = bytes[12] & 0xFF;
    boolean isLocal = command == 0x20;
    int rest = unsignedShort(bytes, 14);
    if (!isLocal && command != 0x21 || rest > MAX_LENGTH - FIXED_PART) {
      return MALFORMED;
    }
    int end = FIXED_PART + rest;
    if (length < end) {
      return INCOMPLETE;
    }
    return isLocal ? complete(end, Family.NONE, NO_IP, 0) : takeAddresses(bytes, end);
  }

  private static ProxyHeader takeAddresses(byte[] bytes, int end) {
    return switch (bytes[13] & 0xFF) {
      case 0x00 -> complete(end, Family.NONE, NO_IP, 0); // UNSPEC
      case 0x11, 0x12 -> takeInet(bytes, end, Family.IPV4, IPV4_LENGTH); // TCP and UDP over IPv4
      case 0x21, 0x22 -> takeInet(bytes, end, Family.IPV6, IPV6_LENGTH); // and over IPv6
      case 0x31, 0x32 -> // Unix sockets
          end - FIXED_PART < UNIX_NAMES ? MALFORMED : complete(end, Family.LOCAL, NO_IP, 0);
      default -> MALFORMED;
    };
  }

  private static ProxyHeader takeInet(byte[] bytes, int end, Family family, int ipLength) {
    int ports = FIXED_PART + 2 * ipLength;
    if (end < ports + 4) {
      return MALFORMED;
    }
    byte[] ip = Arrays.copyOfRange(bytes, FIXED_PART, FIXED_PART + ipLength);
    return complete(end, family, ip, unsignedShort(bytes, ports));
  }

  private static int unsignedShort(byte[] bytes, int at) {
    return (bytes[at] & 0xFF) << 8 | bytes[at + 1] & 0xFF;
  }
}
