// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.ClientHandshakeSuite;

final class NativeClientHandshakeTest extends ClientHandshakeSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
