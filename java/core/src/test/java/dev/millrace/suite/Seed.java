// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.util.Random;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The one seed of a test run: {@code -Dmillrace.test.seed}, or a new one, told on failure. */
public final class Seed implements AfterTestExecutionCallback {

  private static final long VALUE = Long.getLong("millrace.test.seed", System.nanoTime());

  /** A source of numbers that is the same in every run with this seed. */
  public static Random random(String purpose) {
    return new Random(VALUE * 31 + purpose.hashCode());
  }

  public static byte[] bytes(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  @Override
  public void afterTestExecution(ExtensionContext context) {
    context
        .getExecutionException()
        .ifPresent(
            failure ->
                System.err.println(
                    context.getDisplayName() + " failed; -Dmillrace.test.seed=" + VALUE));
  }
}
