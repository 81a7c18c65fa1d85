// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.MessageSuite;

final class NativeMessageTest extends MessageSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
