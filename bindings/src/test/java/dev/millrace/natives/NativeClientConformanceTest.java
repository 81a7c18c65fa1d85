// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.conformance.ClientConformanceSuite;

final class NativeClientConformanceTest extends ClientConformanceSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
