// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * Single calls into the rooms of the core, through a library of the benchmarks' own. They take bare
 * addresses and check nothing: whoever calls keeps the buffer reachable and the length right.
 */
final class NativeKernels {
  private static final String LIBRARY = "/" + System.mapLibraryName("millrace_jmh");

  static {
    URL library = NativeKernels.class.getResource(LIBRARY);
    if (library == null) {
      throw new IllegalStateException("not built: " + LIBRARY + " (./millrace bench --only jmh)");
    }
    try {
      System.load(Path.of(library.toURI()).toString());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private NativeKernels() {}

  /** Where the first byte of a direct buffer lies. */
  static native long address(ByteBuffer direct);

  /** What the call costs by itself. */
  static native void empty();

  /** Key as {@link JavaUnmask} takes it. */
  static native void unmask(long address, int length, int key);

  static native boolean isUtf8(long address, int length);

  /** As {@link JavaFrames#headers}. */
  static native long headers(long address, int length);

  /** As {@link JavaFrames#frames}. */
  static native long frames(long address, int length);

  /**
   * Answers 1 for an upgrade and writes offset and length (two ints each) of target, host, origin
   * and key to {@code slices}.
   */
  static native int parseRequest(long address, int length, long slices);

  /** Writes the 28 characters that answer a key. */
  static native void acceptKey(long key, int length, long accept);

  /** Reads commands from the ring and writes as many events: the record, as a message. */
  static native int echo(long control, int count);

  /** A command as a call of its own; answers the sum of what it was given. */
  static native long send(
      int opcode, int placement, int slot, int generation, long address, int length, long token);
}
