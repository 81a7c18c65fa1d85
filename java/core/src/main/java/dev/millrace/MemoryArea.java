// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.LoopCounter;

/**
 * The memory of a loop, by the lifetime of what lies in it. {@link LoopStatistics} tells of each
 * what is in use, what most was, and how often it had no room (a spill).
 */
public enum MemoryArea {
  /**
   * Where received bytes lie for one turn. A spill: the turn stopped receiving, and the rest was
   * received in the next one.
   */
  ARENA(LoopCounter.ARENA_USE, LoopCounter.ARENA_HIGH_WATER, LoopCounter.ARENA_SPILLS),

  /**
   * Blocks: leases, messages that arrived in pieces, and what a socket has not taken yet. A spill:
   * no block was to be had, so a lease was taken elsewhere or refused, or the connection that holds
   * most was closed.
   */
  BLOCKS(
      LoopCounter.BLOCK_BYTES_IN_USE, LoopCounter.BLOCK_BYTES_HIGH_WATER, LoopCounter.BLOCK_SPILLS),

  /**
   * Entries of fixed size: connections, handshakes, what is queued and what is held. A spill: a
   * connection was turned away, or cut.
   */
  SLAB(LoopCounter.SLAB_USE, LoopCounter.SLAB_HIGH_WATER, LoopCounter.SLAB_SPILLS),

  /**
   * Where the core puts headers and small copies together for one system call. A spill: it was sent
   * early.
   */
  TEMPORARY(
      LoopCounter.TEMPORARY_USE, LoopCounter.TEMPORARY_HIGH_WATER, LoopCounter.TEMPORARY_SPILLS),

  /**
   * Where what handlers send from buffers and text is put until the turn ends. Its spills are all
   * {@link LoopStatistics#flushes()}.
   */
  SEND_AREA(LoopCounter.SEND_AREA_USE, LoopCounter.SEND_AREA_HIGH_WATER, LoopCounter.FLUSHES),

  /**
   * Blocks that belong to no loop: what other threads send, until it has left. There is one for the
   * whole process, and every loop of every server tells the same of it, as of its own last turn: it
   * is not to be added up. A spill: no block was to be had, and a send or a lease was refused.
   */
  SHARED(LoopCounter.SHARED_USE, LoopCounter.SHARED_HIGH_WATER, LoopCounter.SHARED_SPILLS),

  /**
   * What compression needs besides the messages: once for each loop, and for each connection whose
   * windows live on. The Java engine's is the JDK's, which does not tell. A spill: a message was
   * sent as it is, or a connection closed whose message could not be inflated.
   */
  COMPRESSION(
      LoopCounter.COMPRESSION_USE,
      LoopCounter.COMPRESSION_HIGH_WATER,
      LoopCounter.COMPRESSION_SPILLS);

  private static final MemoryArea[] ALL = values();

  private final LoopCounter use;
  private final LoopCounter highWater;
  private final LoopCounter spills;

  MemoryArea(LoopCounter use, LoopCounter highWater, LoopCounter spills) {
    this.use = use;
    this.highWater = highWater;
    this.spills = spills;
  }

  /** All of them; not to be changed. */
  static MemoryArea[] all() {
    return ALL;
  }

  LoopCounter use() {
    return use;
  }

  LoopCounter highWater() {
    return highWater;
  }

  LoopCounter spills() {
    return spills;
  }
}
