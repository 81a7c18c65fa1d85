// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.conformance.ClientConformanceSuite;

final class NioClientConformanceTest extends ClientConformanceSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
