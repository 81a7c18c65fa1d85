// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a message is sent when the peer is slow: one, or with {@link Connection#defaultSendOptions}
 * all of a connection. Immutable; every {@code with} gives a new object.
 *
 * <p>A connection is full when {@link Connection#bufferedBytes()} has reached {@link
 * Limits#highWaterMarkBytes()}, when {@link Limits#maxQueuedMessages()} wait, or when what waits
 * for all peers of its loop has a quarter of the loop's memory. Then the policy of the message that
 * comes decides. What has been handed to the kernel, and up to 64 KiB before it, is out of reach.
 *
 * <p>Dropped are whole messages only, of those that were sent with {@link Policy#DROP_OLDEST}, with
 * {@link Policy#DROP_LOWER_PRIORITY} or with a replacement key. Every other accepted message was
 * promised: it leaves unless the connection ends, and takes the place of those that may be dropped
 * before it is refused.
 */
public final class SendOptions {

  /** What to do with a message for which there is no room. */
  public enum Policy {
    /** Answer {@link SendResult#REFUSED}; the default. */
    REFUSE,
    /**
     * Drop the oldest unsent messages of this connection that may be dropped to make room. If that
     * would not be enough none is, and the answer is {@link SendResult#DROPPED}.
     */
    DROP_OLDEST,
    /** Drop this message and answer {@link SendResult#DROPPED}. */
    DROP_NEWEST,
    /**
     * Drop unsent messages of lower priority that may be dropped, the oldest of the lowest first,
     * to make room. If that would not be enough none is, and the answer is {@link
     * SendResult#DROPPED}.
     */
    DROP_LOWER_PRIORITY,
    /**
     * Close the connection with {@link CloseCode#TRY_AGAIN_LATER}, behind what was accepted, and
     * answer {@link SendResult#CLOSED}.
     */
    CLOSE
  }

  private static final SendOptions DEFAULTS = new SendOptions(Policy.REFUSE, 0, null, true);

  private final Policy policy;
  private final int priority;
  private final @Nullable String replacementKey;
  private final boolean compress;

  private SendOptions(
      Policy policy, int priority, @Nullable String replacementKey, boolean compress) {
    this.policy = policy;
    this.priority = priority;
    this.replacementKey = replacementKey;
    this.compress = compress;
  }

  /**
   * Refuse when full, priority 0, no replacement key, compress where negotiated.
   *
   * @return the options of a send without any, unless its connection has {@linkplain
   *     Connection#defaultSendOptions its own}
   */
  public static SendOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Sets what happens when there is no room.
   *
   * @param policy the policy
   * @return options that differ in this
   */
  public SendOptions withPolicy(Policy policy) {
    Objects.requireNonNull(policy, "policy");
    return new SendOptions(policy, priority, replacementKey, compress);
  }

  /**
   * Sets the priority that {@link Policy#DROP_LOWER_PRIORITY} compares.
   *
   * @param priority 0 to 255, higher is more important
   * @return options that differ in this
   * @throws IllegalArgumentException if the priority is out of range
   */
  public SendOptions withPriority(int priority) {
    if (priority < 0 || priority > 255) {
      throw new IllegalArgumentException(
          "priority out of range: priority=" + priority + ", limits=0..255");
    }
    return new SendOptions(policy, priority, replacementKey, compress);
  }

  /**
   * Names what this message is about: a newer message with the same key takes its place in the
   * queue while it is unsent, whatever the policies of both, and also when there is room for
   * nothing else. The older one counts as dropped.
   *
   * @param replacementKey the key, for instance a market symbol
   * @return options that differ in this
   */
  public SendOptions withReplacementKey(String replacementKey) {
    Objects.requireNonNull(replacementKey, "replacementKey");
    return new SendOptions(policy, priority, replacementKey, compress);
  }

  /**
   * Sets whether the message is compressed on a connection that negotiated compression (RFC 7692).
   *
   * @param compress false for what is compressed already
   * @return options that differ in this
   */
  public SendOptions withCompress(boolean compress) {
    return new SendOptions(policy, priority, replacementKey, compress);
  }

  /**
   * What happens when there is no room.
   *
   * @return the policy
   */
  public Policy policy() {
    return policy;
  }

  /**
   * The priority, 0 unless set.
   *
   * @return 0 to 255
   */
  public int priority() {
    return priority;
  }

  /**
   * The replacement key.
   *
   * @return the key, empty unless set
   */
  public Optional<String> replacementKey() {
    return Optional.ofNullable(replacementKey);
  }

  /**
   * Whether the message may be compressed.
   *
   * @return true unless set otherwise
   */
  public boolean compress() {
    return compress;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SendOptions options
        && policy == options.policy
        && priority == options.priority
        && Objects.equals(replacementKey, options.replacementKey)
        && compress == options.compress;
  }

  @Override
  public int hashCode() {
    return Objects.hash(policy, priority, replacementKey, compress);
  }

  @Override
  public String toString() {
    return "SendOptions[policy="
        + policy
        + ", priority="
        + priority
        + ", replacementKey="
        + replacementKey
        + ", compress="
        + compress
        + "]";
  }
}
