// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SocketOptionsTest {
  private final SocketOptions defaults = SocketOptions.defaults();

  @Test
  void defaultsLeaveTheSystemItsChoices() {
    assertThat(defaults)
        .hasToString(
            "SocketOptions[backlog=4096, receiveBufferBytes=0, sendBufferBytes=0,"
                + " congestionControl=, reusePort=false, unixMode=rw-------]");
  }

  @Test
  void changesOneThingAtATime() {
    SocketOptions options =
        defaults
            .withBacklog(65_535)
            .withReceiveBufferBytes(4096)
            .withSendBufferBytes(256 << 20)
            .withCongestionControl("bbr")
            .withReusePort(true)
            .withUnixMode("rw-rw----");

    assertThat(options.backlog()).isEqualTo(65_535);
    assertThat(options.receiveBufferBytes()).isEqualTo(4096);
    assertThat(options.sendBufferBytes()).isEqualTo(256 << 20);
    assertThat(options.congestionControl()).contains("bbr");
    assertThat(options.reusePort()).isTrue();
    assertThat(options.unixMode())
        .containsExactlyInAnyOrder(
            PosixFilePermission.OWNER_READ,
            PosixFilePermission.OWNER_WRITE,
            PosixFilePermission.GROUP_READ,
            PosixFilePermission.GROUP_WRITE);
    assertThat(options.withReceiveBufferBytes(0).withSendBufferBytes(0))
        .hasToString(
            "SocketOptions[backlog=65535, receiveBufferBytes=0, sendBufferBytes=0,"
                + " congestionControl=bbr, reusePort=true, unixMode=rw-rw----]");
    assertThat(defaults.backlog()).isEqualTo(4096);
  }

  @Test
  void manySlowIsTwoSmallBuffers() {
    SocketOptions expected = defaults.withReceiveBufferBytes(4096).withSendBufferBytes(4096);

    assertThat(SocketOptions.manySlow()).hasToString(expected.toString());
  }

  @Test
  void boundsAreToldWithValueAndLimits() {
    for (int backlog : new int[] {0, 65_536}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> defaults.withBacklog(backlog))
          .withMessage("backlog out of range: value=" + backlog + ", limits=1..65535");
    }
    for (int bytes : new int[] {-1, 1, 4095, (256 << 20) + 1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> defaults.withReceiveBufferBytes(bytes))
          .withMessage(
              "receiveBufferBytes out of range: value=" + bytes + ", limits=4096..268435456");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> defaults.withSendBufferBytes(bytes))
          .withMessage("sendBufferBytes out of range: value=" + bytes + ", limits=4096..268435456");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "sixteen_letters_", "b b", "bbr\0", "caf\u00E9"})
  void namesThatNoCongestionControlHas(String name) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> defaults.withCongestionControl(name))
        .withMessage("congestionControl is 1 to 15 letters, digits, _ or -: value=" + name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0660", "rw-rw---", "rw-rw----x", "wr-------"})
  void modesOfNoFile(String mode) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> defaults.withUnixMode(mode))
        .withMessage("unixMode is nine characters such as rw-rw----: value=" + mode);
  }

  @Test
  void modesAreCopied() {
    Set<PosixFilePermission> mode = EnumSet.of(PosixFilePermission.OTHERS_WRITE);
    SocketOptions options = defaults.withUnixMode(mode);
    mode.clear();

    assertThat(options.unixMode()).containsExactly(PosixFilePermission.OTHERS_WRITE);
    assertThatNullPointerException().isThrownBy(() -> defaults.withUnixMode((String) null));
    assertThatNullPointerException().isThrownBy(() -> defaults.withCongestionControl(null));
  }
}
