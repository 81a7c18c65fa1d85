// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;

final class RealProxyJavaIT extends RealProxySuite {

  @Override
  Engine engine() {
    return Engine.JAVA;
  }
}
