// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.CountsSuite;
import org.junit.jupiter.api.Tag;

@Tag("unchecked")
final class NioCountsTest extends CountsSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  @Override
  protected boolean hasAreasOfTheCore() {
    return false;
  }
}
