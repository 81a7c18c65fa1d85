// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import java.nio.ByteBuffer;

/**
 * Every native of this library, one per row of the table "Calls" in {@code docs/rings.md}. Handles
 * and numbers only; results below 0 are {@code -errno}. The class is bound by {@code
 * RegisterNatives} when {@link NativeLibrary} has loaded the library; nothing here may be called
 * before.
 */
final class NativeCalls {
  private NativeCalls() {}

  /** Any thread. */
  static native int abi();

  /** Any thread. */
  static native int simdLevel();

  /** Any thread. */
  static native int simdLevels();

  /** Any thread. */
  static native int forceSimd(int level);

  /** Any thread. */
  static native long createGroup();

  /** Any thread, after the group's loops are destroyed. */
  static native void destroyGroup(long group);

  /** Any thread. */
  static native int create(long group, ByteBuffer options);

  /** Any thread, once each. */
  static native ByteBuffer control(int loop);

  /** Any thread, once each. */
  static native ByteBuffer region(int loop);

  /** Any thread, once. */
  static native ByteBuffer sharedRegion();

  /** Any thread. */
  static native int regionId(int loop);

  /** Loop thread. */
  static native int tick(int loop, int commands, long timeoutNanos);

  /** Loop thread. */
  static native int flush(int loop, int commands);

  /** Any thread, as long as the loop's mappings live. */
  static native void wake(int loop);

  /** Loop thread. */
  static native void destroy(int loop);

  /** When the loop is destroyed and no view of its mappings is reachable. */
  static native void releaseMappings(int loop);

  /** Loop thread. */
  static native long acquire(int loop, long length);

  /** Any thread. */
  static native long acquireShared(long length);

  /** Any thread. */
  static native int allowShared(long bytes);

  /** Any thread. */
  static native long sharedUse();

  /** Holder of a reference. */
  static native long capacity(long address);

  /** Any thread. */
  static native int retain(long address);

  /** Any thread. */
  static native int release(long address);

  /** Any thread. */
  static native int loadSchema(
      ByteBuffer bfbs, int length, int maxDepth, int maxTables, boolean checkUtf8);

  /** Holder of a reference, or loop thread. */
  static native int verify(int schema, long address, int length);

  /** Any thread, when nobody verifies with it. */
  static native int forgetSchema(int schema);
}
