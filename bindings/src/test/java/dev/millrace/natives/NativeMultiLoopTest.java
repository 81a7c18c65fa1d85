// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.MultiLoopSuite;

final class NativeMultiLoopTest extends MultiLoopSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
