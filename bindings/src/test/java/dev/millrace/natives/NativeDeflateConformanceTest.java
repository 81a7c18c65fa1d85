// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.conformance.DeflateConformanceSuite;

final class NativeDeflateConformanceTest extends DeflateConformanceSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
