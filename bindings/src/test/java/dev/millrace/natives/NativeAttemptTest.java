// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.AttemptSuite;

final class NativeAttemptTest extends AttemptSuite {
  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
