// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.HandlerSuite;

final class NativeHandlerTest extends HandlerSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
