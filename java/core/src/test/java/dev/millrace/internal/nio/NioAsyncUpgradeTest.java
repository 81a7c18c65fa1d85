// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.AsyncUpgradeSuite;

final class NioAsyncUpgradeTest extends AsyncUpgradeSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  @Override
  protected boolean noticesLocalEndsAtOnce() {
    return false;
  }
}
