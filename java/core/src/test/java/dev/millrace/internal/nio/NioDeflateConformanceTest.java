// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.conformance.DeflateConformanceSuite;

final class NioDeflateConformanceTest extends DeflateConformanceSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
