// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.ProxyConnectSuite;

final class NativeProxyConnectTest extends ProxyConnectSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
