// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.BatchSuite;

final class NativeBatchTest extends BatchSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
