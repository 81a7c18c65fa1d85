// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where to listen: exactly one of {@code tcp}, {@code local} and {@code abstractName} is there.
 *
 * @param uri as the user wrote it
 * @param tcp a resolved address; port 0 lets the system choose
 * @param local the path of a Unix socket
 * @param abstractName the name of a Unix socket in Linux's abstract namespace
 */
public record ListenAddress(
    URI uri, @Nullable InetSocketAddress tcp, @Nullable Path local, @Nullable String abstractName) {

  /** The longest path of a Unix socket in UTF-8: {@code sun_path} less its terminator. */
  public static final int MAX_LOCAL_PATH_BYTES = 107;

  /** The longest abstract name in UTF-8: {@code sun_path} less the zero that it begins with. */
  public static final int MAX_ABSTRACT_NAME_BYTES = 106;

  private static final String FORMS = "; use ws://HOST:PORT or ws+unix:///PATH";

  /**
   * Checks that there is one address.
   *
   * @throws IllegalArgumentException if there is none or several, or the host is not resolved
   */
  public ListenAddress {
    long count = Stream.of(tcp, local, abstractName).filter(Objects::nonNull).count();
    if (count != 1) {
      throw new IllegalArgumentException("exactly one address: uri=" + uri + ", count=" + count);
    }
    if (tcp != null && tcp.isUnresolved()) {
      throw new IllegalArgumentException("host not resolved: uri=" + uri);
    }
  }

  /**
   * Reads {@code ws://HOST:PORT}, {@code ws+unix:///PATH} or {@code ws+unix:@NAME}. May ask the
   * name service.
   *
   * @param text what the user wrote
   * @return the address
   * @throws IllegalArgumentException if it is neither of these, with the text and the remedy
   */
  public static ListenAddress parse(String text) {
    URI uri;
    try {
      uri = new URI(text);
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("cannot listen on " + text + ": not a URI" + FORMS, e);
    }
    String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
    if (uri.getRawQuery() != null || uri.getRawFragment() != null) {
      throw refused(text, "an address to listen on has no query or fragment");
    }
    return switch (scheme) {
      case "ws" -> new ListenAddress(uri, tcp(text, uri), null, null);
      case "ws+unix" ->
          isAbstract(uri)
              ? new ListenAddress(uri, null, null, abstractName(text, uri))
              : new ListenAddress(uri, null, local(text, uri), null);
      case "wss", "tcp", "tcps", "unix", "auto" -> throw refused(text, scheme + " is not in 0.1.0");
      default -> throw refused(text, "unknown scheme");
    };
  }

  /**
   * This address with the port that was bound.
   *
   * @param port the port of the bound socket; ignored for a Unix socket
   * @return the address as users are told it
   */
  public URI boundUri(int port) {
    if (tcp == null) {
      return uri;
    }
    return URI.create(uri.getScheme() + "://" + uri.getHost() + ":" + port);
  }

  private static InetSocketAddress tcp(String text, URI uri) {
    String host = uri.getHost();
    if (host == null) {
      throw refused(text, "no valid host");
    }
    if (uri.getRawUserInfo() != null) {
      throw refused(text, "an address to listen on has no user");
    }
    if (!uri.getRawPath().isEmpty() && !uri.getRawPath().equals("/")) {
      throw refused(text, "paths belong to routes");
    }
    if (uri.getPort() == -1) {
      throw refused(text, "the port is missing");
    }
    if (uri.getPort() > 0xFFFF) {
      throw refused(text, "port out of range: port=" + uri.getPort() + ", limits=0..65535");
    }
    try {
      return new InetSocketAddress(InetAddress.getByName(host), uri.getPort());
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(
          "cannot listen on " + text + ": unknown host; 0.0.0.0 means every address", e);
    }
  }

  /**
   * This address with a port that is known now.
   *
   * @param port the port, ignored for a Unix socket
   * @return the same address, that port
   */
  public ListenAddress withPort(int port) {
    if (tcp == null) {
      return this;
    }
    InetSocketAddress bound = new InetSocketAddress(tcp.getAddress(), port);
    return new ListenAddress(uri, bound, null, null);
  }

  /** {@code ws+unix:@name}: a URI without slashes is opaque. */
  private static boolean isAbstract(URI uri) {
    return uri.isOpaque() && uri.getRawSchemeSpecificPart().startsWith("@");
  }

  private static String abstractName(String text, URI uri) {
    String name = uri.getSchemeSpecificPart().substring(1);
    if (name.isEmpty() || name.indexOf('\0') >= 0) {
      throw refused(text, "an abstract name has at least one character, and no zero");
    }
    if (name.contains(":/")) {
      throw refused(text, "a request path after ':' belongs to clients");
    }
    if (uri.getRawSchemeSpecificPart().indexOf('?') >= 0) {
      throw refused(text, "an address to listen on has no query or fragment");
    }
    requireLength(text, "name", name, MAX_ABSTRACT_NAME_BYTES);
    return name;
  }

  private static Path local(String text, URI uri) {
    String path = uri.getPath();
    if (uri.getRawAuthority() != null || path == null || !path.startsWith("/")) {
      throw refused(text, "the path of a Unix socket is absolute, after three slashes");
    }
    if (path.endsWith("/") || path.indexOf('\0') >= 0) {
      throw refused(text, "not the path of a file");
    }
    if (path.contains(":/")) {
      throw refused(text, "a request path after ':' belongs to clients");
    }
    requireLength(text, "path", path, MAX_LOCAL_PATH_BYTES);
    return Path.of(path);
  }

  private static void requireLength(String text, String what, String value, int limit) {
    int length = value.getBytes(StandardCharsets.UTF_8).length;
    if (length > limit) {
      throw refused(text, what + " too long: length=" + length + ", limit=" + limit + " bytes");
    }
  }

  private static IllegalArgumentException refused(String text, String why) {
    return new IllegalArgumentException("cannot listen on " + text + ": " + why + FORMS);
  }
}
