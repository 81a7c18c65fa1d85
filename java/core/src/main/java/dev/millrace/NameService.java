// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.regex.Pattern;

/** Names to addresses. Asking the system blocks, so it is done on threads that may. */
final class NameService {

  /** Asks the system; may block. */
  @FunctionalInterface
  interface Lookup {
    InetAddress[] all(String host) throws UnknownHostException;
  }

  private static final Pattern IPV4 = Pattern.compile("[0-9]{1,3}(\\.[0-9]{1,3}){3}");

  private final Executor executor;
  private final Lookup lookup;

  NameService(Executor executor) {
    this(executor, InetAddress::getAllByName);
  }

  NameService(Executor executor, Lookup lookup) {
    this.executor = executor;
    this.lookup = lookup;
  }

  /**
   * The addresses of a host, in the order in which to try them.
   *
   * @param host a name, or a literal address, for which nobody is asked
   * @return at least one; completes on any thread, or fails with an {@link UnknownHostException}
   */
  CompletionStage<List<InetAddress>> resolve(String host) {
    try {
      if (isLiteral(host)) {
        // In brackets, or it might be taken for a name.
        String literal = host.indexOf(':') < 0 ? host : "[" + host + "]";
        return CompletableFuture.completedStage(List.of(InetAddress.getByName(literal)));
      }
      CompletableFuture<List<InetAddress>> found = new CompletableFuture<>();
      executor.execute(() -> resolve(host, found));
      return found;
    } catch (UnknownHostException | RejectedExecutionException e) {
      return CompletableFuture.failedStage(e);
    }
  }

  private void resolve(String host, CompletableFuture<List<InetAddress>> found) {
    try {
      found.complete(interleaved(lookup.all(host), prefersIpv6()));
    } catch (UnknownHostException e) {
      UnknownHostException told = new UnknownHostException("unknown host: " + host);
      told.initCause(e);
      found.completeExceptionally(told);
    } catch (Throwable t) {
      found.completeExceptionally(t);
    }
  }

  private static boolean isLiteral(String host) {
    return host.indexOf(':') >= 0 || IPV4.matcher(host).matches();
  }

  /**
   * IPv6 first (RFC 8305 4), unless the JDK is told what to prefer: without being told it puts all
   * of IPv4 in front.
   */
  private static boolean prefersIpv6() {
    return !Objects.equals(System.getProperty("java.net.preferIPv6Addresses"), "false");
  }

  /** The families in turn (RFC 8305 4), each in the order the system gave. */
  static List<InetAddress> interleaved(InetAddress[] addresses, boolean ipv6First) {
    List<InetAddress> six = new ArrayList<>();
    List<InetAddress> four = new ArrayList<>();
    Arrays.stream(addresses).distinct().forEach(a -> (isIpv6(a) ? six : four).add(a));
    List<InetAddress> first = ipv6First ? six : four;
    List<InetAddress> second = ipv6First ? four : six;
    List<InetAddress> mixed = new ArrayList<>();
    for (int i = 0; i < Math.max(first.size(), second.size()); i++) {
      if (i < first.size()) {
        mixed.add(first.get(i));
      }
      if (i < second.size()) {
        mixed.add(second.get(i));
      }
    }
    return mixed;
  }

  private static boolean isIpv6(InetAddress address) {
    return address instanceof Inet6Address;
  }
}
