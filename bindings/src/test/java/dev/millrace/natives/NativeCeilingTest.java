// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.CeilingSuite;

final class NativeCeilingTest extends CeilingSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
