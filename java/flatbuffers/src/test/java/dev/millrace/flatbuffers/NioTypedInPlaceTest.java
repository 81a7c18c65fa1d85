// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.Engine;
import org.junit.jupiter.api.Tag;

/** Without the checked mode, which reads slices: in the memory of the engine. */
@Tag("unchecked")
class NioTypedInPlaceTest extends TypedSuite {
  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
