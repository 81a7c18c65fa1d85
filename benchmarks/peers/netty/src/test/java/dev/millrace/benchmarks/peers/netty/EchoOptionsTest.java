// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EchoOptionsTest {
  @Test
  void eachModeHasItsTransport() throws UsageException {
    assertThat(parse("--tuned")).isEqualTo(new EchoOptions(false, true, Transport.EPOLL, 0));
    assertThat(parse("--default")).isEqualTo(new EchoOptions(false, false, Transport.NIO, 0));
    assertThat(parse("--port 65535 --transport nio --tuned"))
        .isEqualTo(new EchoOptions(false, true, Transport.NIO, 65_535));
    assertThat(parse("--help").help()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --port 0                  | one of --tuned and --default
          --tuned --default         | --default: only one of
          --tuned --fast            | unknown option --fast
          --tuned --port            | --port wants a value
          --tuned --port 65536      | 0 to 65535, not "65536"
          --tuned --port -1         | not "-1"
          --tuned --port 9x         | not "9x"
          --tuned --transport kqueue| epoll or nio, not "kqueue"
          """)
  void wrongValuesAreNamed(String arguments, String message) {
    assertThatExceptionOfType(UsageException.class)
        .isThrownBy(() -> parse(arguments))
        .withMessageContaining(message);
  }

  private static EchoOptions parse(String arguments) throws UsageException {
    return EchoOptions.parse(List.of(arguments.split(" ")));
  }
}
