// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.BlockingConnectionSuite;

final class NativeBlockingConnectionTest extends BlockingConnectionSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
