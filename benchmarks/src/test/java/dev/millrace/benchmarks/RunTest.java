// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunTest {
  private static final String LINE =
      "{\"mode\":\"echo\",\"label\":\"\",\"target\":\"127.0.0.1:9001/\",\"deflate\":false,"
          + "\"msgs\":1000,\"msgs_per_s\":500,\"p50_us\":10.5,\"p99_us\":99.0,"
          + "\"server_util\":0.998,\"server_us_per_msg\":5.25000,"
          + "\"verified\":7,\"bad\":0,\"closed\":0}\n";

  private static final String COMPRESSED =
      LINE.replace(
          "\"deflate\":false",
          "\"size\":1024,\"extensions\":\"permessage-deflate; server_no_context_takeover\","
              + "\"answer_bytes\":360.1,\"uncompressed\":0,\"deflate\":true");

  @Test
  void goodRun() throws BenchException {
    Run run = Run.of(Json.parseFlat(LINE), 0);
    assertThat(run.serverMicros()).isEqualTo(5.25);
    assertThat(run.messagesPerSecond()).isEqualTo(500);
    assertThat(run.p50Micros()).isEqualTo(10.5);
    assertThat(run.p99Micros()).isEqualTo(99);
    assertThat(run.verified()).isEqualTo(7);
  }

  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          bad":0,                    bad":3,                   3 bad answers
          closed":0,                 closed":2,                2 connections closed
          msgs":1000,                msgs":0,                  no message
          server_util":0.998,        server_util":0.001,       uses no CPU
          server_us_per_msg":5.25000,else":1,                  pid
          p99_us":99.0,              p99_us":fast,             no number
          """)
  void aRunThatFailedHasNoFigures(String good, String wrong, String message) {
    String line = LINE.replace(good, wrong);
    assertThat(line).isNotEqualTo(LINE);
    assertThatExceptionOfType(BenchException.class)
        .isThrownBy(() -> Run.of(Json.parseFlat(line), 0))
        .withMessageContaining(message);
  }

  @Test
  void aCompressedRunSaysWhatWasAgreedOn() throws BenchException {
    Run.Compression compression = Run.of(Json.parseFlat(COMPRESSED), 0).compression();
    assertThat(compression)
        .isEqualTo(new Run.Compression("permessage-deflate; server_no_context_takeover", 360.1));
    assertThat(Run.of(Json.parseFlat(LINE), 0).compression()).isNull();
  }

  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          uncompressed":0, uncompressed":3,      3 answers were not compressed
          answer_bytes":360.1, answer_bytes":1024, no shorter
          """)
  void aServerThatDoesNotCompressHasNoFigures(String good, String wrong, String message) {
    assertThatExceptionOfType(BenchException.class)
        .isThrownBy(() -> Run.of(Json.parseFlat(COMPRESSED.replace(good, wrong)), 0))
        .withMessageContaining(message);
  }

  @Test
  void statusCountsWhateverTheLineSays() {
    assertThatExceptionOfType(BenchException.class)
        .isThrownBy(() -> Run.of(Json.parseFlat(LINE), 1))
        .withMessageContaining("status 1");
    assertThatExceptionOfType(BenchException.class).isThrownBy(() -> Run.of(null, 2));
  }
}
