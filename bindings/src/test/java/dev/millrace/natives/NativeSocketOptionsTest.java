// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.SocketOptionsSuite;

final class NativeSocketOptionsTest extends SocketOptionsSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
