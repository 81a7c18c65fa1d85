// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.util.ArrayList;

/** Streams with something to send: each is flushed once a turn. Loop thread only. */
final class DirtyStreams {
  /** What waits to be sent before a turn is over is sent early. */
  private static final int MOST = 1024;

  private final NioLoop loop;
  private ArrayList<Stream> dirty = new ArrayList<>();
  private ArrayList<Stream> flushing = new ArrayList<>();

  DirtyStreams(NioLoop loop) {
    this.loop = loop;
  }

  /** It has something to send, or a pong. */
  void add(Stream stream) {
    if (!stream.isDirty) {
      stream.isDirty = true;
      dirty.add(stream);
    }
  }

  boolean isEmpty() {
    return dirty.isEmpty();
  }

  boolean areMany() {
    return dirty.size() >= MOST;
  }

  /** Flushes all. Those that become dirty again, by a pong that waited for room, stay. */
  void flush() {
    if (dirty.isEmpty()) {
      return;
    }
    ArrayList<Stream> now = dirty;
    dirty = flushing;
    flushing = now;
    for (int i = 0; i < now.size(); i++) {
      Stream stream = now.get(i);
      stream.isDirty = false;
      try {
        flush(stream);
      } catch (Throwable t) {
        loop.fail(stream, t);
      }
    }
    now.clear();
  }

  private static void flush(Stream stream) {
    stream.appendPong();
    if (stream.queue().wantsFlush()) {
      stream.queue().flush();
    } else {
      stream.queueChanged();
    }
    stream.queue().pack();
  }
}
