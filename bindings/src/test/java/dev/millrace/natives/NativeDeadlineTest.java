// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.DeadlineSuite;

final class NativeDeadlineTest extends DeadlineSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
