// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.URI;
import org.jspecify.annotations.Nullable;

/**
 * A proxy that tunnels by {@code CONNECT}.
 *
 * @param host a name or a literal address without brackets
 * @param port 1 to 65535
 * @param authorization the value of {@code Proxy-Authorization}, or null
 */
record HttpProxy(String host, int port, @Nullable String authorization) {

  static HttpProxy of(URI uri) {
    String host = uri.getHost();
    boolean complete =
        "http".equalsIgnoreCase(uri.getScheme())
            && host != null
            && uri.getPort() > 0
            && uri.getPort() <= 0xFFFF
            && (uri.getRawPath().isEmpty() || uri.getRawPath().equals("/"))
            && uri.getRawQuery() == null
            && uri.getRawFragment() == null;
    if (!complete) {
      String shown = uri.toString().replaceFirst("//[^/?#]*@", "//");
      throw new IllegalArgumentException(
          "not a proxy: uri=" + shown + "; use http://HOST:PORT or http://USER:PASSWORD@HOST:PORT");
    }
    String user = uri.getUserInfo();
    boolean literal = host.startsWith("[");
    return new HttpProxy(
        literal ? host.substring(1, host.length() - 1) : host,
        uri.getPort(),
        user == null ? null : Target.basic(user));
  }

  /** Host and port, without credentials. */
  @Override
  public String toString() {
    return Target.bracketed(host) + ":" + port;
  }
}
