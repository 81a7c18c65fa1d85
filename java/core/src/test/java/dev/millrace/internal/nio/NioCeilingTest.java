// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.CeilingSuite;

final class NioCeilingTest extends CeilingSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
