// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.SocketOptionsSuite;

final class NioSocketOptionsTest extends SocketOptionsSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  @Override
  protected boolean choosesCongestionControl() {
    return false;
  }
}
