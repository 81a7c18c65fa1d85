// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.MisuseSuite;

final class NativeMisuseTest extends MisuseSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
