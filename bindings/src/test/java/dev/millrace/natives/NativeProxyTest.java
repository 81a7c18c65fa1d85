// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.ProxySuite;

final class NativeProxyTest extends ProxySuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
