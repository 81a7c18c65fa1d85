// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.ListenAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Expected bytes are written down from the layout of ListenBody in docs/rings.md. */
class BodyAreaTest {
  private final ByteBuffer control =
      ByteBuffer.allocateDirect(Records.BUFFERED_OFFSET).order(ByteOrder.LITTLE_ENDIAN);
  private final BodyArea bodies = new BodyArea(control);

  private String hex(int body, int length) {
    byte[] bytes = new byte[length];
    control.get(Records.BODIES_OFFSET + body, bytes);
    return HexFormat.of().formatHex(bytes);
  }

  private String listen(String uri) {
    ListenAddress address = ListenAddress.parse(uri);
    int body = bodies.putListen(address, 4096);
    return hex(body, BodyArea.listenLength(address));
  }

  @Test
  void tcpAddresses() {
    assertThat(listen("ws://127.0.0.1:9001"))
        .isEqualTo("04002923" + "00100000" + "0000000000000000" + "7f000001" + "00".repeat(12));
    assertThat(listen("ws://[::1]:65535"))
        .isEqualTo("0600ffff" + "00100000" + "0000000000000000" + "00".repeat(15) + "01");
  }

  @Test
  void localPath() {
    assertThat(listen("ws+unix:///run/x"))
        .isEqualTo(
            "01000000" + "00100000" + "06000000" + "00000000" + "00".repeat(16) + "2f72756e2f78");
  }

  @Test
  void whatLayThereBeforeDoesNotShine() {
    for (int i = 0; i < 256; i++) {
      control.put(Records.BODIES_OFFSET + i, (byte) 0xFF);
    }
    tcpAddresses();
  }

  @Test
  void bodiesStandBehindEachOtherUntilTheAreaIsFull() {
    assertThat(bodies.put("abc")).isZero();
    assertThat(bodies.put("")).isEqualTo(8);
    assertThat(bodies.put("\u00E9")).isEqualTo(8);
    assertThat(hex(8, 1)).isEqualTo("e9");
    assertThat(bodies.position()).isEqualTo(16);
    assertThat(bodies.fits(65_536 - 16)).isTrue();
    assertThat(bodies.fits(65_536 - 15)).isFalse();
    assertThatThrownBy(() -> bodies.put("x".repeat(65_536 - 15)))
        .hasMessageContaining("length=65521");
    bodies.put("x".repeat(65_536 - 16));
    assertThat(bodies.fits(1)).isFalse();
    bodies.reset();
    assertThat(bodies.put("abc")).isZero();
  }
}
