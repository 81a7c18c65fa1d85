// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.ReconnectSuite;

final class NativeReconnectTest extends ReconnectSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
