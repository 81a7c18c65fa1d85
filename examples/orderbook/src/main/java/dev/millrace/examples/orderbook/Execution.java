// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

/**
 * A trade.
 *
 * @param number counts all trades of the market from 1
 * @param taker the side of the order that came in and met a resting one
 * @param timeMillis milliseconds since 1970
 */
record Execution(long number, int price, int quantity, Side taker, long timeMillis) {}
