// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.DeflateSuite;

final class NativeDeflateTest extends DeflateSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
