// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.flatbuffers.BuilderSuite;

class NativeBuilderTest extends BuilderSuite {
  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
