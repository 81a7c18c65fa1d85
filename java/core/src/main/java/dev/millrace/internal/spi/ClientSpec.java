// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Compression;
import dev.millrace.Limits;
import dev.millrace.ProtocolRule;
import java.util.Objects;
import java.util.Set;

/**
 * What the API hands to an engine for a client.
 *
 * @param loops how many loops, 1 to {@link ServerSpec#MAX_LOOPS}
 * @param limits what servers may send; what concerns listening has no effect
 * @param compression how messages are compressed where that was agreed on
 * @param relaxed the rules that are not enforced
 */
public record ClientSpec(
    int loops, Limits limits, Compression compression, Set<ProtocolRule> relaxed) {

  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if a number is out of range
   */
  public ClientSpec {
    relaxed = Set.copyOf(relaxed);
    Objects.requireNonNull(limits, "limits");
    Objects.requireNonNull(compression, "compression");
    if (loops < 1 || loops > ServerSpec.MAX_LOOPS) {
      throw new IllegalArgumentException(
          "loops out of range: loops=" + loops + ", limits=1.." + ServerSpec.MAX_LOOPS);
    }
  }
}
