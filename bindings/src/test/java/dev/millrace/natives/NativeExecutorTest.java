// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.ExecutorSuite;

final class NativeExecutorTest extends ExecutorSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
