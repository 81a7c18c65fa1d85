// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which pages may connect (RFC 6455 10.2). Browsers let every page open a WebSocket to every server
 * and send its cookies along; all that tells is the {@code Origin} header. A request without one
 * comes from no browser and passes.
 */
final class OriginPolicy {

  private static final int PLAIN_PORT = 80;

  private final Set<String> allowed;
  private final boolean any;

  private OriginPolicy(Set<String> allowed) {
    this.allowed = Set.copyOf(allowed);
    this.any = allowed.contains("*");
  }

  static OriginPolicy of(Set<String> names) {
    return new OriginPolicy(names);
  }

  /** The form in which origins are compared; the caller's mistakes throw. */
  static String requireName(String name) {
    if (name.equals("*") || name.equals("null")) {
      return name;
    }
    String normal = normalize(name);
    if (normal == null) {
      throw new IllegalArgumentException(
          "not an origin: name=" + name + "; use SCHEME://HOST or SCHEME://HOST:PORT, or *");
    }
    return normal;
  }

  static Set<String> requireNames(String... names) {
    Set<String> normal = new LinkedHashSet<>();
    for (String name : names) {
      normal.add(requireName(name));
    }
    return normal;
  }

  /**
   * Whether a request may upgrade.
   *
   * @param origins its Origin headers
   * @param scheme in which it was made, as a trusted proxy says; null if nobody does
   * @param authority that it is for
   */
  boolean permits(List<String> origins, @Nullable String scheme, Optional<String> authority) {
    if (any || origins.isEmpty()) {
      return true;
    }
    if (origins.size() > 1) {
      return false;
    }
    String origin = origins.get(0);
    if (origin.equals("null")) {
      return allowed.contains("null");
    }
    String normal = normalize(origin);
    return normal != null && (allowed.contains(normal) || isSame(normal, scheme, authority));
  }

  // The listener speaks plain ws, so that a Host without a port means port 80. Behind a proxy that
  // ends TLS the page's origin is https, port 443: the proxy says so, or the server names it.
  private static boolean isSame(
      String normalOrigin, @Nullable String scheme, Optional<String> authority) {
    String own =
        authority.map(host -> normalize(schemeOfPages(scheme) + "://" + host)).orElse(null);
    if (own == null) {
      return false;
    }
    return scheme == null
        ? hostAndPort(own).equals(hostAndPort(normalOrigin))
        : own.equals(normalOrigin);
  }

  /** The scheme of pages that are served beside a WebSocket. */
  private static String schemeOfPages(@Nullable String scheme) {
    if (scheme == null) {
      return "http";
    }
    return switch (scheme.toLowerCase(Locale.ROOT)) {
      case "ws" -> "http";
      case "wss" -> "https";
      default -> scheme;
    };
  }

  private static String hostAndPort(String normal) {
    return normal.substring(normal.indexOf("://") + 3);
  }

  /** Lower case, with the effective port; null if it is no origin of RFC 6454. */
  private static @Nullable String normalize(String origin) {
    URI uri;
    try {
      uri = new URI(origin);
    } catch (URISyntaxException e) {
      return null;
    }
    boolean bare =
        uri.getRawUserInfo() == null
            && uri.getRawQuery() == null
            && uri.getRawFragment() == null
            && "".equals(uri.getRawPath());
    if (uri.getScheme() == null || uri.getHost() == null || !bare) {
      return null;
    }
    String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
    int port = uri.getPort() == -1 ? defaultPort(scheme) : uri.getPort();
    return scheme + "://" + uri.getHost().toLowerCase(Locale.ROOT) + ":" + port;
  }

  private static int defaultPort(String scheme) {
    return switch (scheme) {
      case "http", "ws" -> PLAIN_PORT;
      case "https", "wss" -> 443;
      default -> -1;
    };
  }
}
