// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The head of a well-formed HTTP/1.1 request, read where asked: nothing is decoded that nobody asks
 * for. The engine has refused malformed heads and, for {@link Kind#UPGRADE}, checked RFC 6455
 * 4.2.1; what still reads strangely is answered as if it were not there, never with an exception.
 * Immutable; any thread.
 */
public final class RequestHead {

  /** What is asked for. */
  public enum Kind {
    /** A WebSocket opening handshake. */
    UPGRADE,
    /** A plain GET. */
    GET,
    /** A plain HEAD. */
    HEAD
  }

  private static final byte[] SCHEME_END = {':', '/', '/'};

  private final byte[] head;
  private final Kind kind;
  private final SocketAddress remote;
  private final @Nullable Principal peer;
  private final @Nullable ProxiedAddress proxied;
  private final int fieldsStart;
  private final int authorityStart;
  private final int pathStart;
  private final int targetEnd;

  /**
   * A request.
   *
   * @param head the bytes from the request line to the empty line; not copied, must not change
   * @param kind what is asked for
   * @param remote the peer
   */
  public RequestHead(byte[] head, Kind kind, SocketAddress remote) {
    this(head, kind, remote, null);
  }

  /**
   * A request of a peer that may have proved who it is.
   *
   * @param head the bytes from the request line to the empty line; not copied, must not change
   * @param kind what is asked for
   * @param remote the peer's address
   * @param peer the peer's identity, or null
   */
  public RequestHead(byte[] head, Kind kind, SocketAddress remote, @Nullable Principal peer) {
    this(head, kind, remote, peer, null);
  }

  /**
   * A request of a connection that may have begun with a header of the PROXY protocol.
   *
   * @param head the bytes from the request line to the empty line; not copied, must not change
   * @param kind what is asked for
   * @param remote the address at the other end of the socket
   * @param peer the identity of who is there, or null
   * @param proxied what the header said, null if there was none
   */
  public RequestHead(
      byte[] head,
      Kind kind,
      SocketAddress remote,
      @Nullable Principal peer,
      @Nullable ProxiedAddress proxied) {
    this.head = head;
    this.peer = peer;
    this.proxied = proxied;
    this.kind = Objects.requireNonNull(kind, "kind");
    this.remote = Objects.requireNonNull(remote, "remote");
    int lineEnd = lineEnd(0);
    int targetStart = Math.min(indexOf((byte) ' ', 0, lineEnd) + 1, lineEnd);
    this.targetEnd = indexOf((byte) ' ', targetStart, lineEnd);
    this.fieldsStart = Math.min(lineEnd + 2, head.length);
    // The absolute form of RFC 9112 3.2.2: servers must take it, and its authority replaces Host.
    int scheme =
        targetStart < targetEnd && head[targetStart] != '/' ? schemeEnd(targetStart) : targetEnd;
    this.authorityStart = scheme < targetEnd ? scheme : -1;
    this.pathStart = authorityStart < 0 ? targetStart : authorityEnd(authorityStart);
  }

  /**
   * What is asked for.
   *
   * @return the kind
   */
  public Kind kind() {
    return kind;
  }

  /**
   * The peer.
   *
   * @return its address
   */
  public SocketAddress remote() {
    return remote;
  }

  /**
   * What the header of the PROXY protocol said.
   *
   * @return null if the connection began with none
   */
  public @Nullable ProxiedAddress proxied() {
    return proxied;
  }

  /**
   * Who the peer has proved to be.
   *
   * @return its identity, empty if it has proved nothing
   */
  public Optional<Principal> peer() {
    return Optional.ofNullable(peer);
  }

  /**
   * The path as sent, percent-escapes included.
   *
   * @return the path, beginning with {@code /}
   */
  public String path() {
    int end = indexOf((byte) '?', pathStart, targetEnd);
    return end == pathStart ? "/" : latin1(pathStart, end);
  }

  /**
   * The query as sent, without the {@code ?}.
   *
   * @return the query, null if there is no {@code ?}
   */
  public @Nullable String query() {
    int mark = indexOf((byte) '?', pathStart, targetEnd);
    return mark == targetEnd ? null : latin1(mark + 1, targetEnd);
  }

  /**
   * The host and port that the request is for.
   *
   * @return the authority of an absolute target, else the {@code Host} header, empty if neither
   */
  public Optional<String> authority() {
    return authorityStart < 0
        ? header("Host")
        : Optional.of(latin1(authorityStart, authorityEnd(authorityStart)));
  }

  /**
   * The first value of a header.
   *
   * @param name its name in any case
   * @return the value without surrounding blanks, in ISO-8859-1; empty if it was not sent
   */
  public Optional<String> header(String name) {
    for (int line = fieldsStart; line < head.length; line = lineEnd(line) + 2) {
      int value = valueOf(name, line);
      if (value >= 0) {
        return Optional.of(trimmed(value, lineEnd(line)));
      }
    }
    return Optional.empty();
  }

  /**
   * Every value of a header, one for each line.
   *
   * @param name its name in any case
   * @return the values in order; empty if it was not sent
   */
  public List<String> headers(String name) {
    List<String> values = new ArrayList<>(1);
    for (int line = fieldsStart; line < head.length; line = lineEnd(line) + 2) {
      int value = valueOf(name, line);
      if (value >= 0) {
        values.add(trimmed(value, lineEnd(line)));
      }
    }
    return List.copyOf(values);
  }

  /** Index behind the colon if the line holds this header, else -1. */
  private int valueOf(String name, int line) {
    int colon = line + name.length();
    if (colon >= head.length || head[colon] != ':') {
      return -1;
    }
    for (int i = 0; i < name.length(); i++) {
      if (lowerCase(name.charAt(i)) != lowerCase((char) (head[line + i] & 0xFF))) {
        return -1;
      }
    }
    return colon + 1;
  }

  private String trimmed(int start, int end) {
    int from = start;
    int to = end;
    while (from < to && isBlank(head[from])) {
      from++;
    }
    while (to > from && isBlank(head[to - 1])) {
      to--;
    }
    return latin1(from, to);
  }

  private int lineEnd(int from) {
    for (int i = from; i + 1 < head.length; i++) {
      if (head[i] == '\r' && head[i + 1] == '\n') {
        return i;
      }
    }
    return head.length;
  }

  private int indexOf(byte wanted, int from, int end) {
    int i = from;
    while (i < end && head[i] != wanted) {
      i++;
    }
    return i;
  }

  /** Index behind {@code ://}, or the target's end. */
  private int schemeEnd(int from) {
    int colon = indexOf((byte) ':', from, targetEnd);
    for (int i = 0; i < SCHEME_END.length; i++) {
      if (colon + i >= targetEnd || head[colon + i] != SCHEME_END[i]) {
        return targetEnd;
      }
    }
    return colon + SCHEME_END.length;
  }

  private int authorityEnd(int from) {
    return Math.min(indexOf((byte) '/', from, targetEnd), indexOf((byte) '?', from, targetEnd));
  }

  private String latin1(int from, int to) {
    return new String(head, from, to - from, StandardCharsets.ISO_8859_1);
  }

  private static boolean isBlank(byte b) {
    return b == ' ' || b == '\t';
  }

  private static int lowerCase(char c) {
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  }
}
