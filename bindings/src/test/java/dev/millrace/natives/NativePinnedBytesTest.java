// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.PinnedBytesSuite;

final class NativePinnedBytesTest extends PinnedBytesSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
