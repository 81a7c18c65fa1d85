// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.DrainSuite;

final class NioDrainTest extends DrainSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
