// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.QuotaSuite;

final class NativeQuotaTest extends QuotaSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
