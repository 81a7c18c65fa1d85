// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.ProtocolRule;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RelaxedTest {

  /** The API's names in their order: its rules cross to every engine as these bits. */
  @Test
  void theBitsAreThoseOfTheApi() throws Exception {
    List<String> names = new ArrayList<>();
    for (ProtocolRule rule : ProtocolRule.values()) {
      Field bit = Relaxed.class.getField(rule.name());
      assertThat(bit.getInt(null)).as(rule.name()).isEqualTo(1 << rule.ordinal());
      names.add(rule.name());
    }
    names.add("NONE");
    assertThat(Relaxed.class.getFields()).extracting(Field::getName).hasSameElementsAs(names);
  }
}
