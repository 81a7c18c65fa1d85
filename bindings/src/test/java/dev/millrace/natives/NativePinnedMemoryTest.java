// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.fault.PinnedMemorySuite;

final class NativePinnedMemoryTest extends PinnedMemorySuite {
  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
