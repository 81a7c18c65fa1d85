// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.DroppedSuite;

final class NioDroppedTest extends DroppedSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
