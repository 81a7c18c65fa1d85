// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.SendSuite;

final class NativeSendTest extends SendSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
