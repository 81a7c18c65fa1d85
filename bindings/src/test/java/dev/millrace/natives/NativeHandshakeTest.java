// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.HandshakeSuite;

final class NativeHandshakeTest extends HandshakeSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
