// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.FlowControlSuite;

final class NativeFlowControlTest extends FlowControlSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
