// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.flatbuffers.TypedSuite;
import org.junit.jupiter.api.Tag;

/** Without the checked mode, which reads slices: in the memory of the engine. */
@Tag("unchecked")
class NativeTypedInPlaceTest extends TypedSuite {
  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
