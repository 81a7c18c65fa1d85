// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/** What became of a send. A slow or vanished peer is one of these values, never an exception. */
public enum SendResult {
  /** Queued, in order behind this thread's earlier sends. It says nothing of the peer. */
  ACCEPTED,
  /**
   * Not queued: {@link Connection#bufferedBytes()} had reached {@link Limits#highWaterMarkBytes()},
   * {@link Limits#maxQueuedMessages()} waited, the inbox of the connection's loop was full, or no
   * memory was left for the copy. {@link Handler#onWritable} tells when to go on.
   */
  REFUSED,
  /** Given up by the policy of its {@link SendOptions}, and counted. */
  DROPPED,
  /** Not queued: the connection is closed, or has begun to close. */
  CLOSED
}
