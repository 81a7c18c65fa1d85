// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.Admission;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Counts the connections of a server by route and by remote address, from the request on, and how
 * often an address asks. What has no limit is not counted, and a connection that nobody counts
 * keeps no object for it. Any thread.
 *
 * <p>Only addresses that hold connections are kept, and of those that have asked {@link
 * UpgradeRate#MAX_BUCKETS} at most.
 */
final class Admissions {

  private static final int IPV4_LENGTH = 4;

  /** Upper half of IPv6 addresses that nobody has, 0:1::/32: there is room for IPv4. */
  private static final long IPV4 = 1L << 32;

  /** An upgrade that is not let in. */
  static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final UpgradeResult result;

    private RefusedException(UpgradeResult result, String sentence) {
      super(sentence, null, false, false);
      this.result = result;
    }

    /** Which limit it was. */
    UpgradeResult result() {
      return result;
    }
  }

  private final int maxPerRoute;
  private final int maxPerAddress;
  private final @Nullable UpgradeRate rate;
  private final LongSupplier clock;
  private final Map<String, AtomicInteger> byRoute = new ConcurrentHashMap<>();
  private final Map<Long, Integer> byAddress = new ConcurrentHashMap<>();
  private final LongAdder refusedByRoute = new LongAdder();
  private final LongAdder refusedByAddress = new LongAdder();
  private final LongAdder refusedByRate = new LongAdder();

  Admissions(Limits limits, LongSupplier clock) {
    this.clock = clock;
    maxPerRoute = limits.maxConnectionsPerRoute();
    maxPerAddress = limits.maxConnectionsPerAddress();
    int perSecond = limits.maxUpgradesPerSecond();
    rate = perSecond == Limits.UNLIMITED ? null : new UpgradeRate(perSecond);
  }

  /**
   * Lets a request in.
   *
   * @param route the pattern of its route
   * @return its place, {@link Admission#UNCOUNTED} where nothing is counted
   * @throws RefusedException with a sentence for the client, if a limit is reached
   */
  Admission admit(String route, SocketAddress remote) throws RefusedException {
    Long address = addressOf(remote);
    if (address != null && rate != null && !rate.take(address, clock.getAsLong())) {
      throw refused(UpgradeResult.RATE_LIMIT, refusedByRate, "too many upgrades from this address");
    }
    Long countedAddress = maxPerAddress == Limits.UNLIMITED ? null : address;
    if (countedAddress != null && !enter(countedAddress)) {
      throw refused(
          UpgradeResult.ADDRESS_LIMIT, refusedByAddress, "too many connections from this address");
    }
    AtomicInteger countedRoute = maxPerRoute == Limits.UNLIMITED ? null : countOf(route);
    if (countedRoute != null && !enter(countedRoute)) {
      leave(countedAddress);
      throw refused(UpgradeResult.ROUTE_LIMIT, refusedByRoute, "too many connections to this path");
    }
    return countedAddress == null && countedRoute == null
        ? Admission.UNCOUNTED
        : new Place(this, countedAddress, countedRoute);
  }

  /** What is counted; connections are for the caller to know. */
  AdmissionStatistics statistics(int connections) {
    Map<String, Integer> routes = new HashMap<>();
    byRoute.forEach(
        (route, count) -> {
          int held = count.get();
          if (held > 0) {
            routes.put(route, held);
          }
        });
    return new AdmissionStatistics(
        connections,
        Map.copyOf(routes),
        byAddress.size(),
        refusedByRoute.sum(),
        refusedByAddress.sum(),
        refusedByRate.sum());
  }

  private static RefusedException refused(
      UpgradeResult result, LongAdder counter, String sentence) {
    counter.increment();
    return new RefusedException(result, sentence);
  }

  private AtomicInteger countOf(String route) {
    return byRoute.computeIfAbsent(route, any -> new AtomicInteger());
  }

  private boolean enter(AtomicInteger route) {
    return route.getAndUpdate(held -> held < maxPerRoute ? held + 1 : held) < maxPerRoute;
  }

  private boolean enter(Long address) {
    boolean[] entered = new boolean[1];
    byAddress.compute(
        address,
        (any, held) -> {
          int before = held == null ? 0 : held;
          entered[0] = before < maxPerAddress;
          return entered[0] ? before + 1 : before;
        });
    return entered[0];
  }

  private void leave(@Nullable Long address) {
    if (address != null) {
      byAddress.computeIfPresent(address, (any, held) -> held == 1 ? null : held - 1);
    }
  }

  /**
   * What an address is counted as: IPv4 by itself, also where it is mapped into IPv6, and IPv6 by
   * its /64, which one subscriber has for himself. Null for a Unix socket, whose peers are told
   * apart by their user.
   */
  static @Nullable Long addressOf(SocketAddress remote) {
    InetAddress ip = remote instanceof InetSocketAddress inet ? inet.getAddress() : null;
    if (ip == null) {
      return null;
    }
    ByteBuffer bytes = ByteBuffer.wrap(ip.getAddress());
    if (bytes.remaining() == IPV4_LENGTH) {
      return ipv4(bytes.getInt());
    }
    long upper = bytes.getLong();
    int middle = bytes.getInt();
    return upper == 0 && middle == 0xFFFF ? ipv4(bytes.getInt()) : (Long) upper;
  }

  private static Long ipv4(int address) {
    return IPV4 | Integer.toUnsignedLong(address);
  }

  private static final class Place implements Admission {
    private final Admissions admissions;
    private final @Nullable Long address;
    private final @Nullable AtomicInteger route;
    private final AtomicBoolean released = new AtomicBoolean();

    Place(Admissions admissions, @Nullable Long address, @Nullable AtomicInteger route) {
      this.admissions = admissions;
      this.address = address;
      this.route = route;
    }

    @Override
    public void release() {
      if (released.compareAndSet(false, true)) {
        admissions.leave(address);
        if (route != null) {
          route.decrementAndGet();
        }
      }
    }
  }
}
