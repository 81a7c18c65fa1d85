// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.AdministrationSuite;

final class NativeAdministrationTest extends AdministrationSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
