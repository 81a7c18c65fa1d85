// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * When a {@link Client} connects again after an attempt failed or a connection was lost. Immutable:
 * every {@code with} gives a new object, and checks its value at once.
 *
 * <p>The delay before the n-th attempt after a loss is random between half and the whole of {@code
 * min(longest, shortest * 2^(n-1))}, so that the clients of a restarted server do not return all at
 * once. A connection that was open for {@link #longest()} begins the row anew; one that ended
 * sooner goes on in it, so that a server which accepts and closes at once is not hammered.
 */
public final class Reconnect {

  /** What an attempt is about, for {@link #withBeforeAttempt}. */
  public record Attempt(ConnectRequest request, int number, @Nullable Throwable lastFailure) {}

  /** Changes address or headers before an attempt. */
  @FunctionalInterface
  public interface BeforeAttempt {

    /**
     * Called before each attempt, the first included, on a thread that may block.
     *
     * @param attempt the request as it was given to the client, the attempt's number from 1, and
     *     why the last one failed
     * @return the request to make, mostly {@code attempt.request()} with a fresh token
     * @throws Exception then the attempt has failed with it
     */
    ConnectRequest apply(Attempt attempt) throws Exception;
  }

  /** No limit to the number of attempts. */
  public static final int UNLIMITED = Integer.MAX_VALUE;

  private static final Duration MAX_DELAY = Duration.ofDays(1);
  private static final Reconnect NEVER = new Reconnect(new Values(Duration.ZERO, Duration.ZERO, 1));

  private final Values values;

  private Reconnect(Values values) {
    this.values = values;
  }

  private Reconnect with(Consumer<Values> change) {
    Values changed = new Values(values);
    change.accept(changed);
    return new Reconnect(changed);
  }

  /**
   * Never; a lost connection stays lost.
   *
   * @return the policy
   */
  public static Reconnect never() {
    return NEVER;
  }

  /**
   * After a delay that doubles with every failure, without end.
   *
   * @param shortest the delay before the first attempt, more than zero
   * @param longest the delay that doubling stops at, at least the shortest and at most a day
   * @return the policy
   * @throws IllegalArgumentException if the delays are out of range
   */
  public static Reconnect backoff(Duration shortest, Duration longest) {
    if (shortest.isNegative() || shortest.isZero()) {
      throw new IllegalArgumentException("delay must be more than zero: shortest=" + shortest);
    }
    if (longest.compareTo(shortest) < 0) {
      throw new IllegalArgumentException(
          "delays out of order: shortest=" + shortest + ", longest=" + longest);
    }
    if (longest.compareTo(MAX_DELAY) > 0) {
      throw new IllegalArgumentException(
          "delay too long: longest=" + longest + ", limit=" + MAX_DELAY);
    }
    return new Reconnect(new Values(shortest, longest, UNLIMITED));
  }

  /**
   * Gives up after so many attempts in a row that came to no open connection.
   *
   * @param maxAttempts 1 or more
   * @return a policy that differs in this
   * @throws IllegalArgumentException if the number is out of range
   */
  public Reconnect withMaxAttempts(int maxAttempts) {
    if (maxAttempts < 1) {
      throw new IllegalArgumentException(
          "attempts out of range: maxAttempts=" + maxAttempts + ", limits=1..2147483647");
    }
    return with(v -> v.maxAttempts = maxAttempts);
  }

  /**
   * Says which ends of a connection are losses; by default all but {@link CloseReason#isNormal()}
   * ones that this side began, or the peer with {@link CloseCode#NORMAL_CLOSURE}, and those by
   * 1002, 1003, 1007, 1008, 1009 and 1010, which would come again.
   *
   * @param loss true to connect again
   * @return a policy that differs in this
   */
  public Reconnect withLoss(Predicate<CloseReason> loss) {
    Objects.requireNonNull(loss, "loss");
    return with(v -> v.loss = loss);
  }

  /**
   * Says which HTTP answers are worth another attempt; by default 408, 429 and all from 500 on. A
   * {@code Retry-After} in seconds lengthens the delay, up to {@link #longest()}.
   *
   * @param retry true to try again
   * @return a policy that differs in this
   */
  public Reconnect withRetryStatus(Predicate<Integer> retry) {
    Objects.requireNonNull(retry, "retry");
    return with(v -> v.retryStatus = retry);
  }

  /**
   * Sets what may change address or headers before each attempt.
   *
   * @param before the change
   * @return a policy that differs in this
   */
  public Reconnect withBeforeAttempt(BeforeAttempt before) {
    Objects.requireNonNull(before, "before");
    return with(v -> v.before = before);
  }

  /**
   * Sets who is told of every change of {@link Link#status()}, on the loop thread; must not block.
   *
   * @param listener is told; what it throws is logged
   * @return a policy that differs in this
   */
  public Reconnect withListener(Consumer<Link.Status> listener) {
    Objects.requireNonNull(listener, "listener");
    return with(v -> v.listener = listener);
  }

  /**
   * The delay before the first attempt.
   *
   * @return the delay, zero for {@link #never()}
   */
  public Duration shortest() {
    return values.shortest;
  }

  /**
   * The delay that doubling stops at.
   *
   * @return the delay, zero for {@link #never()}
   */
  public Duration longest() {
    return values.longest;
  }

  /**
   * How many attempts in a row may fail.
   *
   * @return the number, {@link #UNLIMITED} unless set
   */
  public int maxAttempts() {
    return values.maxAttempts;
  }

  boolean isNever() {
    return values.shortest.isZero();
  }

  /**
   * How long to wait.
   *
   * @param n the place in the row of delays, from 1
   * @param jitter from 0 to below 1
   * @param atLeast what the server asked for; not more than {@link #longest()} of it counts
   */
  Duration delay(int n, double jitter, Duration atLeast) {
    long longest = values.longest.toNanos();
    long whole = values.shortest.toNanos();
    for (int i = 1; i < n && whole < longest; i++) {
      whole *= 2; // at most twice a day: no overflow
    }
    whole = Math.min(whole, longest);
    long delay = whole / 2 + (long) (jitter * (whole - whole / 2));
    long asked = atLeast.compareTo(values.longest) < 0 ? atLeast.toNanos() : longest;
    return Duration.ofNanos(Math.max(delay, asked));
  }

  boolean isLoss(CloseReason reason) {
    return values.loss.test(reason);
  }

  boolean isRetried(int status) {
    return values.retryStatus.test(status);
  }

  @Nullable BeforeAttempt before() {
    return values.before;
  }

  Consumer<Link.Status> listener() {
    return values.listener;
  }

  private static boolean isLossByDefault(CloseReason reason) {
    return switch (reason.code()) {
      case 1002, 1003, 1007, 1008, 1009, 1010 -> false;
      case CloseCode.NORMAL_CLOSURE -> !reason.isNormal();
      default -> !reason.isNormal() || reason.initiator() == CloseReason.Initiator.PEER;
    };
  }

  private static boolean isRetriedByDefault(int status) {
    return status == 408 || status == 429 || status >= 500;
  }

  private static final class Values {
    final Duration shortest;
    final Duration longest;
    int maxAttempts;
    Predicate<CloseReason> loss = Reconnect::isLossByDefault;
    Predicate<Integer> retryStatus = Reconnect::isRetriedByDefault;
    @Nullable BeforeAttempt before;
    Consumer<Link.Status> listener = status -> {};

    Values(Duration shortest, Duration longest, int maxAttempts) {
      this.shortest = shortest;
      this.longest = longest;
      this.maxAttempts = maxAttempts;
    }

    Values(Values from) {
      this(from.shortest, from.longest, from.maxAttempts);
      loss = from.loss;
      retryStatus = from.retryStatus;
      before = from.before;
      listener = from.listener;
    }
  }
}
