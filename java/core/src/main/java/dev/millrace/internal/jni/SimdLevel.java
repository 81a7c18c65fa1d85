// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Engine;
import dev.millrace.EngineUnavailableException;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The instruction sets that the core has kernels for. It uses the best that the processor has; the
 * property {@code millrace.simd} names another, so that a wide machine tests the narrow paths.
 *
 * <p>The ordinals are the numbers of the table "Calls" in {@code docs/rings.md}. To be used once
 * the library is loaded.
 */
enum SimdLevel {
  SCALAR,
  SSE2,
  SSSE3,
  AVX2,
  AVX512,
  NEON;

  /** Names the level to use. */
  static final String PROPERTY = "millrace.simd";

  /** Done by the first question, once. */
  private static final class Forced {
    static final @Nullable EngineUnavailableException CAUSE = force(System.getProperty(PROPERTY));
  }

  /** Why the level that the property asks for cannot be used, or null when all is well. */
  static @Nullable EngineUnavailableException unavailabilityCause() {
    return Forced.CAUSE;
  }

  static @Nullable EngineUnavailableException force(@Nullable String name) {
    if (name == null) {
      return null;
    }
    for (SimdLevel level : supported()) {
      if (level.toString().equals(name) && NativeCalls.forceSimd(level.ordinal()) == 0) {
        return null;
      }
    }
    String levels = supported().stream().map(SimdLevel::toString).collect(Collectors.joining(", "));
    String text =
        PROPERTY
            + '='
            + name
            + " is not a level that this processor has; it has "
            + levels
            + ". Name one of them, or leave the property out for the best of them";
    return new EngineUnavailableException(Engine.NATIVE, text, null);
  }

  /** The level in use. */
  static SimdLevel current() {
    return values()[NativeCalls.simdLevel()];
  }

  /** What this processor has. */
  static Set<SimdLevel> supported() {
    int bits = NativeCalls.simdLevels();
    Set<SimdLevel> levels = EnumSet.noneOf(SimdLevel.class);
    for (SimdLevel level : values()) {
      if ((bits & 1 << level.ordinal()) != 0) {
        levels.add(level);
      }
    }
    return levels;
  }

  /** As it is written in the property. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
