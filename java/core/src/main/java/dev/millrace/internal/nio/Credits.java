// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

/**
 * What the application still takes from a peer, by messages and by bytes of payload. Either counts
 * from its first request on. A message takes its whole length even where less is left: the rest is
 * owed, and paid by the next request. Loop thread only.
 */
final class Credits {
  private final long maxBytes;
  private boolean countsMessages;
  private boolean countsBytes;
  private long messages;
  private long bytes;

  /** Nothing is counted yet; more bytes than that never pile up. */
  Credits(long maxBytes) {
    this.maxBytes = maxBytes;
  }

  /** So many messages more; positive. */
  void requestMessages(long more) {
    countsMessages = true;
    long sum = messages + more;
    messages = sum < messages ? Long.MAX_VALUE : sum;
  }

  /** So many bytes more; positive. */
  void requestBytes(long more) {
    countsBytes = true;
    long sum = bytes + more;
    bytes = sum < bytes ? maxBytes : Math.min(sum, maxBytes);
  }

  /** A message is delivered. */
  void take(int length) {
    messages -= countsMessages ? 1 : 0;
    bytes -= countsBytes ? length : 0;
  }

  /** Whether no message may be delivered. */
  boolean areSpent() {
    return countsMessages && messages <= 0 || countsBytes && bytes <= 0;
  }
}
