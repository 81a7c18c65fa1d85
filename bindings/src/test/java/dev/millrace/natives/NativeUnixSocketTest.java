// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.UnixSocketSuite;

final class NativeUnixSocketTest extends UnixSocketSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
