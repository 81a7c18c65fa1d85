// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.PolicySuite;

final class NativePolicyTest extends PolicySuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
