// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.UnixSocketSuite;

final class NioUnixSocketTest extends UnixSocketSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  @Override
  protected boolean tellsPeersByNumber() {
    return false;
  }

  @Override
  protected boolean setsModesBeforeTheFileIsThere() {
    return false;
  }
}
