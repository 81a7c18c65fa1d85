// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.DrainSuite;

final class NativeDrainTest extends DrainSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
