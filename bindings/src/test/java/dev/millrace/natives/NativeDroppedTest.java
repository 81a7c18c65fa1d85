// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.DroppedSuite;

final class NativeDroppedTest extends DroppedSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
