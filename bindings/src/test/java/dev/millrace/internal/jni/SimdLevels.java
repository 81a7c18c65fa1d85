// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs the tests of a suite at one level of the kernels; what the class is parameterized with. */
final class SimdLevels implements BeforeEachCallback, AfterEachCallback {

  /** A suite that runs at a level. */
  @ExtendWith(SimdLevels.class)
  interface AtLevel {
    SimdLevel level();
  }

  private SimdLevel before;

  @Override
  public void beforeEach(ExtensionContext context) {
    assertNull(NativeLibrary.unavailabilityCause());
    before = SimdLevel.current();
    SimdLevel level = ((AtLevel) context.getRequiredTestInstance()).level();
    assertNull(SimdLevel.force(level.toString()));
    assertEquals(level, SimdLevel.current());
  }

  @Override
  public void afterEach(ExtensionContext context) {
    assertNull(SimdLevel.force(before.toString()));
  }

  /** Every level of this processor, for {@code MethodSource}. */
  static Iterable<SimdLevel> supported() {
    assertNull(NativeLibrary.unavailabilityCause());
    return SimdLevel.supported();
  }
}
