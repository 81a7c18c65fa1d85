// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.RelaxSuite;

final class NativeRelaxTest extends RelaxSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
