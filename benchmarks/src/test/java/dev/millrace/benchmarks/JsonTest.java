// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
  @Test
  void readsStringsNumbersAndWords() {
    String line = "{\"a\":\"x \\\"y\\\", z\",\"b\":-1.5e3,\"c\":true, \"d\" : \"\"}";
    assertThat(Json.parseFlat(line))
        .containsExactly(
            Map.entry("a", "x \"y\", z"),
            Map.entry("b", "-1.5e3"),
            Map.entry("c", "true"),
            Map.entry("d", ""));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "wsload: connect", "{\"a\":1", "{\"a\":1,", "{\"a\":1}x"})
  void whatIsCutOffIsNoResult(String line) {
    assertThat(Json.parseFlat(line)).isNull();
  }

  @Test
  void writesWhatTheReportNeeds() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("a", "x \"y\"\n");
    members.put("b", Arrays.asList(1, 2.5, null, Double.NaN));
    members.put("c", true);
    assertThat(Json.write(members))
        .isEqualTo("{\"a\":\"x \\\"y\\\"\\u000a\",\"b\":[1,2.5,null,null],\"c\":true}");
  }
}
