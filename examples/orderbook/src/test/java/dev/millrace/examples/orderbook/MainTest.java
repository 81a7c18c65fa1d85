// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.millrace.Engine;
import org.junit.jupiter.api.Test;

class MainTest {

  @Test
  void takesThePort() {
    assertThat(Main.port()).isEqualTo(8080);
    assertThat(Main.port("--port", "0")).isZero();
    assertThat(Main.port("--port", "65535")).isEqualTo(65535);
  }

  @Test
  void takesTheEngine() {
    assertThat(Main.engine()).isEqualTo(Engine.AUTO);
    assertThat(Main.engine("--engine", "java", "--port", "1")).isEqualTo(Engine.JAVA);
    assertThat(Main.port("--engine", "java", "--port", "1")).isEqualTo(1);
    assertThat(Main.engine("--engine", "native")).isEqualTo(Engine.NATIVE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Main.engine("--engine", "fast"))
        .withMessage("--engine is native, java or auto, not fast");
  }

  @Test
  void takesTheStorm() {
    assertThat(Main.storm()).isFalse();
    assertThat(Main.storm("--port", "1", "--storm", "on")).isTrue();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Main.storm("--storm", "yes"))
        .withMessage("--storm is on or off, not yes");
  }

  @Test
  void refusesWhatItDoesNotKnow() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Main.port("--ports", "1"))
        .withMessage("unknown option --ports");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Main.port("--port"))
        .withMessage("--port needs a value");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Main.port("--port", "http"))
        .withMessage("--port is no number: port=http");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Main.port("--port", "65536"))
        .withMessage("port out of range: port=65536, limit=0 to 65535");
  }
}
