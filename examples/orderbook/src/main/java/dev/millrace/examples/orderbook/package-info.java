// SPDX-License-Identifier: Apache-2.0
/**
 * A live order book: a browser page sends orders as FlatBuffers over a WebSocket, a handler reads
 * them where they lie, and every subscriber gets quotes that were built in the memory they are sent
 * from.
 */
@NullMarked
package dev.millrace.examples.orderbook;

import org.jspecify.annotations.NullMarked;
