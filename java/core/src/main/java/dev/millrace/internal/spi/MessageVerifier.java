// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Message;

/** Checks messages against schemas by code of the engine, where they lie. Any thread. */
public interface MessageVerifier {

  /** In place of a handle: there is no room for one more schema. */
  int FULL = -1;

  /**
   * Makes a schema known. It costs memory until {@link #forget}.
   *
   * @param bfbs a binary schema that was checked before
   * @param maxDepth how deep tables may lie in tables
   * @param maxTables how many tables a message may have
   * @param checkUtf8 whether strings must be well-formed UTF-8
   * @return its handle, or {@link #FULL}
   * @throws IllegalArgumentException if it is no schema that can be used
   */
  int load(byte[] bfbs, int maxDepth, int maxTables, boolean checkUtf8);

  /**
   * Whether a message keeps to a schema. Allocates nothing.
   *
   * @param handle what {@link #load} gave
   * @param message a valid message of this engine; its thread
   * @return false if it must not be read
   */
  boolean accepts(int handle, Message message);

  /**
   * Gives a schema's memory back; its handle is not used again.
   *
   * @param handle what {@link #load} gave
   */
  void forget(int handle);
}
