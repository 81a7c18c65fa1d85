// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.CreditSuite;

final class NativeCreditTest extends CreditSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
