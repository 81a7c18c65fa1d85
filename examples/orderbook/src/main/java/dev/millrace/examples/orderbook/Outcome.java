// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

/** What became of a request. */
sealed interface Outcome {

  /** The order was taken: this much of it traded at once, the rest waits in the book. */
  record Accepted(long order, int filled, int rested) implements Outcome {}

  /** The order is out of the book; this much of it was left. */
  record Canceled(long order, int quantity) implements Outcome {}

  /** Nothing was changed. The reason is one sentence that names the value and the limit. */
  record Refused(String reason) implements Outcome {}
}
