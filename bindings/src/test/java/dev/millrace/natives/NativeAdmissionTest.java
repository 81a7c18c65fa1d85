// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.AdmissionSuite;

final class NativeAdmissionTest extends AdmissionSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
