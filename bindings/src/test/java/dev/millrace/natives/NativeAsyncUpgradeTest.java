// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.AsyncUpgradeSuite;

final class NativeAsyncUpgradeTest extends AsyncUpgradeSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
