// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.BadFrameSuite;

final class NativeBadFrameTest extends BadFrameSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
