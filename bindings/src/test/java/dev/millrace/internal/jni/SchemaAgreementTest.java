// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.millrace.flatbuffers.Orders;
import dev.millrace.flatbuffers.Schema;
import dev.millrace.internal.spi.MessageVerifier;
import dev.millrace.suite.Seed;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A schema that was loaded in Java must not be refused by the core when the first message comes.
 */
@ExtendWith(Seed.class)
class SchemaAgreementTest {

  @Test
  void theCoreTakesWhatJavaTakes() {
    assertThat(NativeLibrary.unavailabilityCause()).isNull();
    MessageVerifier core = NativeMessageVerifier.INSTANCE;
    Random random = Seed.random("changed schemas for both");
    byte[] good = Orders.bfbs();
    int taken = 0;
    int runs = 20_000;
    for (int run = 0; run < runs; run++) {
      byte[] changed = good.clone();
      for (int change = 0; change <= random.nextInt(3); change++) {
        int at = random.nextInt(good.length);
        changed[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : random.nextInt(20));
      }
      try {
        Schema.load(changed, buffer -> buffer);
      } catch (IllegalArgumentException refused) {
        continue;
      }
      taken++;
      assertThatCode(() -> core.forget(core.load(changed, 64, 1000, true)))
          .doesNotThrowAnyException();
    }
    assertThat(taken).isBetween(runs / 20, runs - runs / 20);
  }
}
