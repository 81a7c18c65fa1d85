// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A message that another thread sends: one reference to its block, on its way to the loop. */
final class PostedSend extends Inbox.Task {
  private final NioConnection connection;
  private final int opcode;
  private final Block block;
  private final int at;
  private final int length;
  private final @Nullable CompletableFuture<Void> sent;

  /** The bytes are reserved; the reference passes to this. */
  PostedSend(
      NioConnection connection,
      int opcode,
      Block block,
      int at,
      int length,
      @Nullable CompletableFuture<Void> sent) {
    this.connection = connection;
    this.opcode = opcode;
    this.block = block;
    this.at = at;
    this.length = length;
    this.sent = sent;
  }

  @Override
  void run() {
    Sender.append(connection, opcode, block, at, length, sent);
    connection.unreserve(connection.frameLength(length));
  }

  @Override
  void drop() {
    super.drop();
    block.release();
    connection.unreserve(connection.frameLength(length));
    connection.loop().failSend(sent);
  }
}
