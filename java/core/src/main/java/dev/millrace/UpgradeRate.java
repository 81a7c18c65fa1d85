// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How often each remote address may ask: a bucket of as many tokens as are filled in each second.
 *
 * <p>A bucket is one number, the time at which it will be full again; taking a token moves that by
 * the time one takes to come. A bucket that is full is forgotten, and so is the one that was asked
 * for longest ago where a stripe holds {@value #BUCKETS_PER_STRIPE}: whoever comes from ever new
 * addresses makes the server keep {@value #MAX_BUCKETS} of them, and gains by it no more than from
 * the new address itself.
 */
final class UpgradeRate {

  /** The most addresses that are remembered. */
  static final int MAX_BUCKETS = 1 << 16;

  private static final int STRIPES = 16;
  private static final int BUCKETS_PER_STRIPE = MAX_BUCKETS / STRIPES;
  private static final long SECOND = 1_000_000_000L;

  /** So many are forgotten for each that may join: more than come, so that idle ones go. */
  private static final int FORGOTTEN_AT_ONCE = 2;

  private final long nanosPerToken;
  private final long nanosPerBucket;
  private final Stripe[] stripes = new Stripe[STRIPES];

  /** Some of the buckets, those asked for longest ago first. */
  private static final class Stripe extends LinkedHashMap<Long, Long> {
    private static final long serialVersionUID = 1L;

    Stripe() {
      super(16, 0.75f, true);
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<Long, Long> eldest) {
      return size() > BUCKETS_PER_STRIPE;
    }
  }

  UpgradeRate(int perSecond) {
    nanosPerToken = (SECOND + perSecond - 1) / perSecond;
    nanosPerBucket = nanosPerToken * perSecond;
    for (int i = 0; i < STRIPES; i++) {
      stripes[i] = new Stripe();
    }
  }

  /**
   * Takes a token. Any thread.
   *
   * @param address whose
   * @param now the time of {@link System#nanoTime()}
   * @return false if there is none
   */
  boolean take(long address, long now) {
    Stripe stripe = stripes[stripe(address)];
    synchronized (stripe) {
      forgetFull(stripe, now);
      Long full = stripe.get(address);
      long begin = full == null || full - now < 0 ? now : full;
      long next = begin + nanosPerToken;
      if (next - now > nanosPerBucket) {
        return false;
      }
      stripe.put(address, next);
      return true;
    }
  }

  /** How many buckets are not known to be full. */
  int size() {
    int size = 0;
    for (Stripe stripe : stripes) {
      synchronized (stripe) {
        size += stripe.size();
      }
    }
    return size;
  }

  private static void forgetFull(Stripe stripe, long now) {
    Iterator<Long> eldest = stripe.values().iterator();
    for (int i = 0; i < FORGOTTEN_AT_ONCE && eldest.hasNext() && eldest.next() - now <= 0; i++) {
      eldest.remove();
    }
  }

  private static int stripe(long address) {
    long mixed = address * 0x9E37_79B9_7F4A_7C15L;
    return (int) (mixed >>> 60);
  }
}
