// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.CountsSuite;
import org.junit.jupiter.api.Tag;

@Tag("unchecked")
final class NativeCountsTest extends CountsSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
