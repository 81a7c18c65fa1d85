// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.EchoSuite;

final class NioEchoTest extends EchoSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
