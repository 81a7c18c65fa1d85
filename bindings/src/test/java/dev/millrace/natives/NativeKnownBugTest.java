// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.conformance.KnownBugSuite;

final class NativeKnownBugTest extends KnownBugSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
