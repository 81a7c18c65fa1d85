// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.Engine;

class NioTypedTest extends TypedSuite {
  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
