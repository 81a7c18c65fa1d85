// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.SocketOptions;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.AbstractSocketAddress;
import dev.millrace.internal.spi.ListenAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/**
 * Expected bytes are written down from the layouts of ListenBody and ConnectBody in docs/rings.md.
 */
class BodyAreaTest {
  private static final String MODE_0600 = "80010000";
  private static final String COMMON = "00100000" + "00000000" + MODE_0600;

  private final ByteBuffer control =
      ByteBuffer.allocateDirect(Records.BUFFERED_OFFSET).order(ByteOrder.LITTLE_ENDIAN);
  private final BodyArea bodies = new BodyArea(control);

  private String hex(int body, int length) {
    byte[] bytes = new byte[length];
    control.get(Records.BODIES_OFFSET + body, bytes);
    return HexFormat.of().formatHex(bytes);
  }

  private String listen(String uri) {
    return listen(uri, SocketOptions.defaults(), Records.ALONE);
  }

  private String listen(String uri, SocketOptions options, int sharing) {
    ListenAddress address = ListenAddress.parse(uri);
    int body = bodies.putListen(address, options, sharing);
    return hex(body, BodyArea.listenLength(address));
  }

  @Test
  void tcpAddresses() {
    assertThat(listen("ws://127.0.0.1:9001"))
        .isEqualTo("04002923" + COMMON + "7f000001" + "00".repeat(12 + 24));
    assertThat(listen("ws://[::1]:65535"))
        .isEqualTo("0600ffff" + COMMON + "00".repeat(15) + "01" + "00".repeat(24));
  }

  @Test
  void localPath() {
    assertThat(listen("ws+unix:///run/x"))
        .isEqualTo(
            "01000000" + "00100000" + "06000000" + MODE_0600 + "00".repeat(40) + "2f72756e2f78");
  }

  @Test
  void abstractName() {
    assertThat(listen("ws+unix:@ab%20c"))
        .isEqualTo(
            "01000000" + "00100000" + "05000000" + MODE_0600 + "00".repeat(40) + "0061622063");
  }

  @Test
  void options() {
    SocketOptions options =
        SocketOptions.defaults()
            .withBacklog(0x0102)
            .withReceiveBufferBytes(0x010203)
            .withSendBufferBytes(0x040506)
            .withCongestionControl("congestion_15_x")
            .withUnixMode("rwxr-xr-x");
    assertThat(listen("ws://127.0.0.1:0", options, Records.FURTHER))
        .isEqualTo(
            "04020000"
                + "02010000"
                + "00000000"
                + "ed010000" // 0755
                + "7f000001"
                + "00".repeat(12)
                + "03020100"
                + "06050400"
                + "636f6e67657374696f6e5f31355f7800");
    assertThat(listen("ws+unix:@a", options.withUnixMode("-w--w--w-"), Records.ALONE))
        .startsWith("01000000" + "02010000" + "02000000" + "92000000"); // 0222
  }

  @Test
  void whatLayThereBeforeDoesNotShine() {
    for (int i = 0; i < 256; i++) {
      control.put(Records.BODIES_OFFSET + i, (byte) 0xFF);
    }
    tcpAddresses();
  }

  private String connect(SocketAddress address, SocketOptions options) {
    assertThat(BodyArea.refusal(address)).isNull();
    int body = bodies.putConnect(address, options, Duration.ofMillis(0x0102));
    return hex(body, BodyArea.connectLength(address));
  }

  @Test
  void whereToConnect() throws Exception {
    String none = "00".repeat(24);
    String timeout = "80c4600f00000000"; // 258 ms in ns
    SocketOptions plain = SocketOptions.defaults();
    assertThat(connect(new InetSocketAddress("127.0.0.1", 9001), plain))
        .isEqualTo("04002923" + "00".repeat(12) + "7f000001" + "00".repeat(12) + none + timeout);
    assertThat(connect(new InetSocketAddress("::1", 65535), plain))
        .isEqualTo("0600ffff" + "00".repeat(12) + "00".repeat(15) + "01" + none + timeout);
    assertThat(connect(UnixDomainSocketAddress.of("/run/x"), plain))
        .isEqualTo(
            "01000000" + "00000000" + "06000000" + "00".repeat(44) + timeout + "2f72756e2f78");
    assertThat(connect(new AbstractSocketAddress("ab c"), plain))
        .isEqualTo("01000000" + "00000000" + "05000000" + "00".repeat(44) + timeout + "0061622063");
    SocketOptions options =
        plain
            .withReceiveBufferBytes(0x010203)
            .withSendBufferBytes(0x040506)
            .withCongestionControl("congestion_15_x");
    assertThat(connect(new InetSocketAddress("127.0.0.1", 1), options))
        .isEqualTo(
            "04000100"
                + "00".repeat(12)
                + "7f000001"
                + "00".repeat(12)
                + "03020100"
                + "06050400"
                + "636f6e67657374696f6e5f31355f7800"
                + timeout);
  }

  @Test
  void whereNothingCanBeConnectedTo() {
    assertThat(BodyArea.refusal(InetSocketAddress.createUnresolved("a", 1))).contains("resolved");
    assertThat(BodyArea.refusal(UnixDomainSocketAddress.of(""))).contains("bytes=0");
    assertThat(BodyArea.refusal(UnixDomainSocketAddress.of("/" + "a".repeat(106)))).isNull();
    assertThat(BodyArea.refusal(UnixDomainSocketAddress.of("/" + "a".repeat(107))))
        .contains("bytes=108");
    assertThat(BodyArea.refusal(new AbstractSocketAddress("a".repeat(107)))).contains("bytes=108");
    assertThat(BodyArea.refusal(new SocketAddress() {})).contains("no address");
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
