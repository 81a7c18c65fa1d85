// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.AbstractSocketAddress;
import dev.millrace.internal.spi.ListenAddress;
import java.net.IDN;
import java.net.SocketAddress;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The URI of a client taken apart: which socket, and what is asked for there.
 *
 * @param host a name or a literal address without brackets; null for a Unix socket
 * @param port 1 to 65535; 0 for a Unix socket
 * @param local the Unix socket, or null
 * @param path as it is sent, beginning with {@code /}
 * @param query as it is sent, without the {@code ?}, or null
 * @param credentials {@code USER:PASSWORD}, decoded, or null
 */
record Target(
    @Nullable String host,
    int port,
    @Nullable SocketAddress local,
    String path,
    @Nullable String query,
    @Nullable String credentials) {

  private static final int DEFAULT_PORT = 80;
  private static final String FORMS =
      "; use ws://HOST:PORT/PATH, ws+unix:///SOCKET:/PATH or ws+unix:@NAME:/PATH";

  /**
   * Takes a URI apart; see {@link ConnectRequest#to}.
   *
   * @throws IllegalArgumentException if it is none that a client takes, with the reason and the
   *     remedy, and without its credentials
   */
  static Target of(URI uri) {
    String scheme = scheme(uri);
    if (uri.getRawFragment() != null) {
      throw refused(uri, "a WebSocket URI has no fragment (RFC 6455 3)");
    }
    return switch (scheme) {
      case "ws" -> tcp(uri);
      case "ws+unix" -> isAbstract(uri) ? abstractName(uri) : local(uri);
      case "wss", "wss+unix", "tcp", "tcps", "unix", "auto" ->
          throw refused(uri, scheme + " is not in 0.1.0");
      default -> throw refused(uri, scheme.isEmpty() ? "no scheme" : "unknown scheme");
    };
  }

  /** Whether credentials for one may be shown to the other. */
  boolean isSameOrigin(Target other) {
    return port == other.port
        && Objects.equals(local, other.local)
        && (host == null ? other.host == null : host.equalsIgnoreCase(other.host));
  }

  /**
   * Where a redirect leads. Credentials in it are not taken: a server has none to give.
   *
   * @param location the value of the {@code Location} field
   * @throws IllegalArgumentException if that is no address that a client takes
   */
  Target redirected(String location) {
    URI reference = URI.create(location);
    if (reference.getScheme() == null) {
      // Only for its rules of relative paths: where this leads, host and port are ours.
      URI base = URI.create("ws://h" + resource());
      if (reference.getRawAuthority() == null) {
        URI to = base.resolve(withoutFragment(reference));
        // Java's resolve() takes the last segment off even where there is nothing but a query.
        String toPath = reference.getRawPath().isEmpty() ? path : pathOf(to.getRawPath());
        return new Target(host, port, local, toPath, ascii(to.getRawQuery()), credentials);
      }
      reference = URI.create("ws:" + location);
    }
    URI absolute = withoutFragment(reference);
    return switch (scheme(absolute)) {
      case "http" -> of(URI.create("ws" + absolute.toString().substring(4))).withoutCredentials();
      case "https" -> throw refused(absolute, "https is not in 0.1.0");
      case "ws+unix" -> throw refused(absolute, "no server can know the sockets of this machine");
      default -> of(absolute).withoutCredentials();
    };
  }

  Target withoutCredentials() {
    return new Target(host, port, local, path, query, null);
  }

  /** The value of the {@code Host} field. */
  String authority() {
    if (host == null) {
      return "localhost";
    }
    String name = bracketed(host.indexOf('%') < 0 ? host : host.substring(0, host.indexOf('%')));
    return port == DEFAULT_PORT ? name : name + ":" + port;
  }

  /** Host and port, as {@code CONNECT} and messages name them. */
  String place() {
    return local != null ? local.toString() : bracketed(Objects.requireNonNull(host)) + ":" + port;
  }

  /** Path and query. */
  String resource() {
    return query == null ? path : path + "?" + query;
  }

  /** The value of an {@code Authorization} field (RFC 7617), or null. */
  @Nullable String authorization() {
    return credentials == null ? null : basic(credentials);
  }

  static String basic(String credentials) {
    String pair = credentials.indexOf(':') < 0 ? credentials + ":" : credentials;
    return "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
  }

  static String bracketed(String host) {
    return host.indexOf(':') < 0 ? host : "[" + host + "]";
  }

  /** For messages: neither query nor credentials, which may be secrets. */
  @Override
  public String toString() {
    return local != null ? "ws+unix:" + local + ":" + path : "ws://" + authority() + path;
  }

  private static Target tcp(URI uri) {
    String authority = uri.getRawAuthority();
    if (authority == null) {
      throw refused(uri, "no host");
    }
    int at = authority.lastIndexOf('@');
    String user = at < 0 ? null : decode(authority.substring(0, at));
    String place = authority.substring(at + 1);
    // Not getHost(): that knows no name with an underscore and none beyond ASCII.
    int colon = place.lastIndexOf(':');
    boolean hasPort = colon > place.lastIndexOf(']');
    String host = host(uri, hasPort ? place.substring(0, colon) : place);
    int port = hasPort ? port(uri, place.substring(colon + 1)) : DEFAULT_PORT;
    String path = pathOf(uri.getRawPath());
    return new Target(host, port, null, path, ascii(uri.getRawQuery()), user);
  }

  private static String host(URI uri, String written) {
    if (written.startsWith("[") && written.endsWith("]")) {
      return written.substring(1, written.length() - 1).replace("%25", "%"); // RFC 6874 2
    }
    String host;
    try {
      host = IDN.toASCII(written);
    } catch (IllegalArgumentException e) {
      throw refused(uri, "no valid host");
    }
    boolean valid =
        !host.isEmpty()
            && host.chars()
                .allMatch(
                    c ->
                        (c >= 'a' && c <= 'z')
                            || (c >= 'A' && c <= 'Z')
                            || (c >= '0' && c <= '9')
                            || c == '.'
                            || c == '-'
                            || c == '_');
    if (!valid) {
      throw refused(uri, "no valid host");
    }
    return host;
  }

  private static int port(URI uri, String written) {
    if (written.isEmpty()) {
      return DEFAULT_PORT; // RFC 3986 3.2.3
    }
    boolean digits = written.chars().allMatch(c -> c >= '0' && c <= '9');
    int port = digits && written.length() <= 5 ? Integer.parseInt(written) : -1;
    if (port < 1 || port > 0xFFFF) {
      throw refused(uri, "port out of range: port=" + written + ", limits=1..65535");
    }
    return port;
  }

  private static boolean isAbstract(URI uri) {
    return uri.isOpaque() && uri.getRawSchemeSpecificPart().startsWith("@");
  }

  private static Target abstractName(URI uri) {
    String rest = uri.getRawSchemeSpecificPart().substring(1);
    int mark = rest.indexOf('?');
    String query = mark < 0 ? null : rest.substring(mark + 1);
    String named = mark < 0 ? rest : rest.substring(0, mark);
    int split = named.indexOf(":/");
    String name = decode(split < 0 ? named : named.substring(0, split));
    if (name.isEmpty() || name.indexOf('\0') >= 0) {
      throw refused(uri, "an abstract name has at least one character, and no zero");
    }
    requireLength(uri, "name", name, ListenAddress.MAX_ABSTRACT_NAME_BYTES);
    String path = pathOf(split < 0 ? null : named.substring(split + 1));
    return new Target(null, 0, new AbstractSocketAddress(name), path, ascii(query), null);
  }

  private static Target local(URI uri) {
    String raw = uri.getRawPath();
    if (uri.getRawAuthority() != null || raw == null || !raw.startsWith("/")) {
      throw refused(uri, "the path of a Unix socket is absolute, after three slashes");
    }
    int split = raw.indexOf(":/");
    String socket = decode(split < 0 ? raw : raw.substring(0, split));
    if (socket.endsWith("/") || socket.indexOf('\0') >= 0) {
      throw refused(uri, "not the path of a socket");
    }
    requireLength(uri, "path", socket, ListenAddress.MAX_LOCAL_PATH_BYTES);
    String path = pathOf(split < 0 ? null : raw.substring(split + 1));
    SocketAddress address = UnixDomainSocketAddress.of(socket);
    return new Target(null, 0, address, path, ascii(uri.getRawQuery()), null);
  }

  private static void requireLength(URI uri, String what, String value, int limit) {
    int length = value.getBytes(StandardCharsets.UTF_8).length;
    if (length > limit) {
      throw refused(uri, what + " too long: length=" + length + ", limit=" + limit + " bytes");
    }
  }

  private static String scheme(URI uri) {
    return uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
  }

  private static String pathOf(@Nullable String raw) {
    String path = ascii(raw);
    return path == null || path.isEmpty() ? "/" : path;
  }

  /** What a request line may hold; Java's URI lets characters beyond ASCII stand. */
  private static @Nullable String ascii(@Nullable String raw) {
    if (raw == null || raw.chars().allMatch(c -> c < 0x80)) {
      return raw;
    }
    StringBuilder escaped = new StringBuilder();
    for (byte b : raw.getBytes(StandardCharsets.UTF_8)) {
      if (b >= 0) {
        escaped.append((char) b);
      } else {
        escaped.append(String.format("%%%02X", b & 0xFF));
      }
    }
    return escaped.toString();
  }

  private static String decode(String escaped) {
    return URI.create("x://h/" + escaped).getPath().substring(1);
  }

  private static URI withoutFragment(URI uri) {
    String text = uri.toString();
    int hash = text.indexOf('#');
    return hash < 0 ? uri : URI.create(text.substring(0, hash));
  }

  private static IllegalArgumentException refused(URI uri, String why) {
    String shown = uri.toString().replaceFirst("//[^/?#]*@", "//");
    return new IllegalArgumentException("cannot connect to " + shown + ": " + why + FORMS);
  }
}
