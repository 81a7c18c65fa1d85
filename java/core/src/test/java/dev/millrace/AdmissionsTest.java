// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.internal.spi.Admission;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class AdmissionsTest {

  private static final Limits NONE = Limits.defaults();

  private final AtomicLong clock = new AtomicLong();

  private static SocketAddress from(String ip) {
    try {
      return new InetSocketAddress(InetAddress.getByName(ip), 4711);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private Admissions with(Limits limits) {
    return new Admissions(limits, clock::get);
  }

  private static void refused(Admissions admissions, String route, String ip, String sentence) {
    assertThatThrownBy(() -> admissions.admit(route, from(ip)))
        .isInstanceOf(Admissions.RefusedException.class)
        .hasMessage(sentence);
  }

  @Test
  void withoutLimitsNothingIsCounted() throws Exception {
    Admissions admissions = with(NONE);
    assertThat(admissions.admit("/", from("192.0.2.1"))).isSameAs(Admission.UNCOUNTED);
    assertThat(with(NONE.withMaxUpgradesPerSecond(1)).admit("/", from("192.0.2.1")))
        .isSameAs(Admission.UNCOUNTED);
    assertThat(admissions.statistics(7))
        .isEqualTo(new AdmissionStatistics(7, Map.of(), 0, 0, 0, 0));
  }

  @Test
  void eachRouteHasPlacesOfItsOwn() throws Exception {
    Admissions admissions = with(NONE.withMaxConnectionsPerRoute(2));
    Admission first = admissions.admit("/a", from("192.0.2.1"));
    admissions.admit("/a", UnixDomainSocketAddress.of(""));
    admissions.admit("/b", from("192.0.2.1"));
    refused(admissions, "/a", "192.0.2.3", "too many connections to this path");
    assertThat(admissions.statistics(3).connectionsByRoute()).isEqualTo(Map.of("/a", 2, "/b", 1));
    first.release();
    first.release();
    admissions.admit("/a", from("192.0.2.1"));
    refused(admissions, "/a", "192.0.2.3", "too many connections to this path");
    assertThat(admissions.statistics(3).refusedByRoute()).isEqualTo(2);
  }

  @Test
  void eachAddressHasPlacesOfItsOwn() throws Exception {
    Admissions admissions = with(NONE.withMaxConnectionsPerAddress(2));
    List<Admission> held = new ArrayList<>();
    held.add(admissions.admit("/a", from("192.0.2.1")));
    held.add(admissions.admit("/b", from("192.0.2.1")));
    held.add(admissions.admit("/b", from("192.0.2.2")));
    refused(admissions, "/c", "192.0.2.1", "too many connections from this address");
    assertThat(admissions.statistics(3).addresses()).isEqualTo(2);
    for (int i = 0; i < 10; i++) {
      Admission local = admissions.admit("/a", UnixDomainSocketAddress.of(""));
      assertThat(local).isSameAs(Admission.UNCOUNTED);
    }
    held.forEach(Admission::release);
    held.forEach(Admission::release);
    assertThat(admissions.statistics(0).addresses()).isZero();
  }

  @Test
  void whatTheRouteRefusesLeavesTheAddressAsItWas() throws Exception {
    Admissions admissions =
        with(NONE.withMaxConnectionsPerAddress(5).withMaxConnectionsPerRoute(1));
    Admission first = admissions.admit("/", from("192.0.2.1"));
    for (int i = 0; i < 10; i++) {
      refused(admissions, "/", "192.0.2.2", "too many connections to this path");
    }
    assertThat(admissions.statistics(1).addresses()).isEqualTo(1);
    first.release();
    admissions.admit("/", from("192.0.2.2"));
  }

  @Test
  void anAddressMayAskSoOften() throws Exception {
    Admissions admissions = with(NONE.withMaxUpgradesPerSecond(2));
    for (int i = 0; i < 2; i++) {
      admissions.admit("/", from("192.0.2.1"));
    }
    refused(admissions, "/", "192.0.2.1", "too many upgrades from this address");
    admissions.admit("/", from("192.0.2.2"));
    for (int i = 0; i < 10; i++) {
      admissions.admit("/", UnixDomainSocketAddress.of(""));
    }
    clock.addAndGet(500_000_000);
    admissions.admit("/", from("192.0.2.1"));
    refused(admissions, "/", "192.0.2.1", "too many upgrades from this address");
    assertThat(admissions.statistics(0).refusedByRate()).isEqualTo(2);
  }

  @Test
  void addressesAreCountedAsOneSubscriberHasThem() throws Exception {
    Long one = Admissions.addressOf(from("2001:db8:1:2::1"));
    assertThat(Admissions.addressOf(from("2001:db8:1:2:ffff::9"))).isEqualTo(one);
    assertThat(Admissions.addressOf(from("2001:db8:1:3::1"))).isNotEqualTo(one);
    byte[] mapped = InetAddress.getByName("::1").getAddress();
    System.arraycopy(new byte[] {-1, -1, (byte) 192, 0, 2, 1}, 0, mapped, 10, 6);
    InetAddress ipv4 = Inet6Address.getByAddress(null, mapped, -1);
    assertThat(ipv4).isInstanceOf(Inet6Address.class);
    assertThat(Admissions.addressOf(new InetSocketAddress(ipv4, 1)))
        .isEqualTo(Admissions.addressOf(from("192.0.2.1")))
        .isNotEqualTo(Admissions.addressOf(from("192.0.2.2")));
    assertThat(Admissions.addressOf(from("::1")))
        .isNotEqualTo(Admissions.addressOf(from("0.0.0.1")));
    assertThat(Admissions.addressOf(UnixDomainSocketAddress.of("/x"))).isNull();
    assertThat(Admissions.addressOf(InetSocketAddress.createUnresolved("h", 1))).isNull();
  }

  /** Exact, however many loops let in and let go at once. */
  @Test
  void neverMoreThanTheLimitAndNothingIsLeft() throws Exception {
    Admissions admissions =
        with(NONE.withMaxConnectionsPerAddress(3).withMaxConnectionsPerRoute(4));
    AtomicInteger[] held = {new AtomicInteger(), new AtomicInteger()};
    AtomicInteger onRoute = new AtomicInteger();
    ExecutorService loops = Executors.newFixedThreadPool(4);
    List<Future<Integer>> results = new ArrayList<>();
    for (int loop = 0; loop < 4; loop++) {
      int address = loop % 2;
      Callable<Integer> storm =
          () -> {
            int admitted = 0;
            for (int i = 0; i < 20_000; i++) {
              try {
                Admission place = admissions.admit("/", from("192.0.2." + address));
                assertThat(held[address].incrementAndGet()).isLessThanOrEqualTo(3);
                assertThat(onRoute.incrementAndGet()).isLessThanOrEqualTo(4);
                admitted++;
                onRoute.decrementAndGet();
                held[address].decrementAndGet();
                place.release();
              } catch (Admissions.RefusedException expected) {
                // another thread has the place
              }
            }
            return admitted;
          };
      results.add(loops.submit(storm));
    }
    int admitted = 0;
    for (Future<Integer> result : results) {
      admitted += result.get();
    }
    loops.shutdown();
    AdmissionStatistics after = admissions.statistics(0);
    assertThat(after.connectionsByRoute()).isEmpty();
    assertThat(after.addresses()).isZero();
    assertThat(admitted + after.refusedByRoute() + after.refusedByAddress()).isEqualTo(80_000);
  }
}
