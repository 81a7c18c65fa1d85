// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.LifecycleSuite;

final class NativeLifecycleTest extends LifecycleSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
