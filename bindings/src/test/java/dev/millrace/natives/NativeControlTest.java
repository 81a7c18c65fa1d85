// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.ControlSuite;

final class NativeControlTest extends ControlSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
