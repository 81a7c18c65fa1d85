// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.nio.ByteBuffer;
import java.security.SecureRandom;

/**
 * The masking keys of a client's frames: nobody may foretell the next one (RFC 6455 5.3, 10.3).
 * Fetched many at a time. Loop thread only.
 */
final class MaskingKeys {
  private static final int FETCHED_BYTES = 4096;

  private final SecureRandom random = new SecureRandom();
  private final ByteBuffer fetched = ByteBuffer.allocate(FETCHED_BYTES);

  /** Fetches the first keys: later there may be no descriptor left to open the source with. */
  MaskingKeys() {
    fetch();
  }

  private void fetch() {
    random.nextBytes(fetched.array());
    fetched.clear();
  }

  /** A key that was not given out before, other than by chance. */
  int next() {
    if (!fetched.hasRemaining()) {
      fetch();
    }
    return fetched.getInt();
  }
}
