// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.ClientFrameSuite;

final class NativeClientFrameTest extends ClientFrameSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
