// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import static java.nio.charset.StandardCharsets.UTF_8;

/** Payloads of any length that are whole texts. */
final class Texts {
  static final String ASCII = "The quick brown fox jumps over the lazy dog. ";

  /** Code points of one to four bytes, the longer ones among the first ten bytes. */
  static final String MIXED = "é你😀 Mot de passe oublié: 你好, κόσμε ok. ";

  private Texts() {}

  /** The pattern repeated, and dots where its next code point does not fit any more. */
  static byte[] fill(String pattern, int length) {
    byte[] period = pattern.getBytes(UTF_8);
    byte[] text = new byte[length];
    for (int i = 0; i < length; i++) {
      text[i] = period[i % period.length];
    }
    for (int i = length; i-- > 0 && text[i] < 0; ) {
      text[i] = '.';
    }
    return text;
  }
}
