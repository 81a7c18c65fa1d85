// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.internal.ring.Records;
import java.nio.ByteBuffer;

/**
 * A program whose native code reads a block that was freed: a library with AddressSanitizer ends
 * it, any other goes on.
 */
public final class FreedMemoryProgram {
  static final String SURVIVED = "survived";

  private FreedMemoryProgram() {}

  /**
   * Lets the core read loop options out of a freed block.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    if (NativeLibrary.unavailabilityCause() != null) {
      throw new IllegalStateException(NativeLibrary.unavailabilityCause());
    }
    long block = SharedMemory.acquire(Records.OPTIONS_LENGTH);
    ByteBuffer options = SharedMemory.region().slice((int) block, Records.OPTIONS_LENGTH);
    NativeCalls.release(block);
    NativeCalls.create(NativeCalls.createGroup(), options);
    System.out.println(SURVIVED);
  }
}
