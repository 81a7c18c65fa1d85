// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

/**
 * The four words of a {@code SEND} whose payload lies in a block, as threads outside the loop post
 * it through the {@link Inbox}: a record that needs no translation when the loop hands it on.
 */
public final class PostedSend {
  private PostedSend() {}

  /** The first word of a message that may be compressed. */
  public static long head(int opcode, int slot) {
    return head(opcode, 0, slot);
  }

  /** The first word; {@code flags} is 0 or {@code UNCOMPRESSED}. */
  public static long head(int opcode, int flags, int slot) {
    return Records.head(Records.SEND, opcode, Records.OWNED | flags, slot);
  }

  /** The third word. */
  public static long lengthAndGeneration(int length, int generation) {
    return Records.lengthAndGeneration(length, generation);
  }

  /** The slot named in the first word. */
  public static int slot(long head) {
    return Records.slot(head);
  }

  /** The length in the third word. */
  public static int length(long lengthAndGeneration) {
    return (int) lengthAndGeneration;
  }

  /** The generation in the third word. */
  public static int generation(long lengthAndGeneration) {
    return (int) (lengthAndGeneration >>> 32);
  }
}
