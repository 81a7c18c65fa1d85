// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.Engine;

class NioBuilderTest extends BuilderSuite {
  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
