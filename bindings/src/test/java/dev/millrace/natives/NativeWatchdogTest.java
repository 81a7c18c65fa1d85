// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.WatchdogSuite;

final class NativeWatchdogTest extends WatchdogSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
