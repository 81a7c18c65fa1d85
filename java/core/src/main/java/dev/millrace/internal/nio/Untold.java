// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.SendException;
import dev.millrace.SendResult;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;

/**
 * What connections have still to hear: falls, ends, and asynchronous sends that are over. Streams
 * find these in the middle of a handler's flush; they are told when no handler runs. Loop thread
 * only.
 */
final class Untold {
  private final NioLoop loop;
  private final ArrayDeque<Stream> streams = new ArrayDeque<>();
  private final ArrayDeque<Completion> completions = new ArrayDeque<>();

  /** The outcome of an asynchronous send, which is the application's to hear. */
  private record Completion(CompletableFuture<Void> sent, boolean failed) {
    void tell() {
      if (failed) {
        sent.completeExceptionally(new SendException(SendResult.CLOSED));
      } else {
        sent.complete(null);
      }
    }
  }

  Untold(NioLoop loop) {
    this.loop = loop;
  }

  /** The stream's queue has fallen, or it has ended. */
  void add(Stream stream) {
    if (!stream.isListedToTell) {
      stream.isListedToTell = true;
      streams.add(stream);
    }
  }

  /** A send is over. */
  void add(CompletableFuture<Void> sent, boolean failed) {
    completions.add(new Completion(sent, failed));
  }

  boolean isEmpty() {
    return streams.isEmpty() && completions.isEmpty();
  }

  /** Tells all, and what follows from it. */
  void tell() {
    while (!completions.isEmpty()) {
      loop.countEvent();
      loop.runLogging(completions.remove()::tell);
    }
    while (!streams.isEmpty()) {
      Stream stream = streams.remove();
      stream.isListedToTell = false;
      loop.runLogging(() -> tell(stream));
    }
  }

  private void tell(Stream stream) {
    NioConnection connection = stream.connection();
    if (connection == null) {
      return;
    }
    loop.countEvent();
    if (stream.isFallUntold) {
      stream.isFallUntold = false;
      connection.onDrained();
    }
    if (stream.isEndUntold) {
      stream.isEndUntold = false;
      loop.connectionEnded();
      connection.onClosed();
    }
  }
}
