// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.EchoSuite;

final class NativeEchoTest extends EchoSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
