// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.conformance.ConformanceSuite;

final class NioConformanceTest extends ConformanceSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
