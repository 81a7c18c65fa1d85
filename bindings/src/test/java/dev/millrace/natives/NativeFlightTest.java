// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.FlightSuite;

final class NativeFlightTest extends FlightSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
