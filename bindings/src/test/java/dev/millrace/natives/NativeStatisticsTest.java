// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.StatisticsSuite;

final class NativeStatisticsTest extends StatisticsSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
