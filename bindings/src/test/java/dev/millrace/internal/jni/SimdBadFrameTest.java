// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Engine;
import dev.millrace.suite.BadFrameSuite;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** The suite at each level of the kernels that this processor has. */
@ParameterizedClass
@MethodSource("dev.millrace.internal.jni.SimdLevels#supported")
final class SimdBadFrameTest extends BadFrameSuite implements SimdLevels.AtLevel {

  @Parameter SimdLevel level;

  @Override
  public SimdLevel level() {
    return level;
  }

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
