// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.DeflateSuite;

final class NioDeflateTest extends DeflateSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
