// SPDX-License-Identifier: Apache-2.0

/**
 * The Java engine: selectors and direct buffers, no native code.
 *
 * <p>From the outside in: a {@link NioServer} or a {@link NioClient} has a {@link LoopGroup} of
 * {@link NioLoop}s; a loop accepts by {@link Listener}, or connects by {@link NioAttempt}, and
 * serves {@link Stream}s; a stream begins with an {@link OpeningHandshake}, the server's {@link
 * Opening} or the attempt, then reads frames by {@link FrameReceiver}, sends by {@link SendQueue},
 * and is kept to its deadlines by {@link Watch}; {@link NioConnection} is what applications see of
 * it. Memory is {@link Block}s of a {@link BlockPool}.
 *
 * <p>The hard parts, and where they are solved:
 *
 * <ul>
 *   <li>frames in any pieces, memory in step with what has come: {@link FrameReceiver};
 *   <li>sockets that take part of a write, one system call a turn: {@link SendQueue};
 *   <li>marks, stopped reads, half-closed peers, FIN before close, one Close frame: {@link Stream};
 *   <li>posting without a lock, a bounded inbox, what is never refused: {@link Inbox};
 *   <li>who wakes the loop, and posts to one that has ended: {@link Posts};
 *   <li>the order of posts, flushes and handler calls, interrupts, the end: {@link NioLoop};
 *   <li>no handler inside another: {@link Untold};
 *   <li>masked payloads that nobody else may see changed: {@link FrameWriter}, {@link SendQueue};
 *   <li>answers that take their time, peers that do not wait for them: {@link Opening};
 *   <li>all deadlines of a stream by one entry of a heap, moved by a store: {@link Deadlines};
 *   <li>no descriptor left: {@link Listener};
 *   <li>messages that end with their handler, leases with one owner: {@link NioMessage}, {@link
 *       NioLease}.
 * </ul>
 *
 * <p>In steady state nothing is allocated for a message on the loop's thread: messages and pieces
 * are used again, the selector hands its keys to a consumer, and deadlines are entries of a heap.
 */
@NullMarked
package dev.millrace.internal.nio;

import org.jspecify.annotations.NullMarked;
