// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.fault.LinkCutSuite;

final class NativeLinkCutTest extends LinkCutSuite {
  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
