// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/**
 * Expected bytes are written down from the table in docs/rings.md, not computed by the code under
 * test.
 */
class RecordsTest {
  private final ByteBuffer control = ByteBuffer.allocateDirect(Records.BUFFERED_OFFSET);
  private final CommandWriter commands = new CommandWriter(control);

  private String command(int index) {
    byte[] record = new byte[32];
    control.get(8192 + index * 32, record);
    return HexFormat.of().formatHex(record);
  }

  @Test
  void mappingsFollowEachOther() {
    assertThat(Records.EVENTS_OFFSET).isEqualTo(8192 + 4096 * 32);
    assertThat(Records.BODIES_OFFSET).isEqualTo(Records.EVENTS_OFFSET + 4096 * 32);
    assertThat(Records.BUFFERED_OFFSET).isEqualTo(Records.BODIES_OFFSET + 65_536);
    assertThat(Records.SEND_AREA_OFFSET + Records.SEND_AREA_LENGTH).isEqualTo(1 << 20);
  }

  @Test
  void sendIsLaidOutAsThePageSays() {
    commands.send(
        Records.BINARY,
        Records.OWNED,
        0x01020304,
        0x0A0B0C0D,
        Records.address(0x7F01, 0x1122_3344_5566L),
        0x31323334,
        0x4142434445464748L);
    assertThat(command(0))
        .isEqualTo(
            "05020800"
                + "04030201"
                + "665544332211017f"
                + "34333231"
                + "0d0c0b0a"
                + "4847464544434241");
  }

  @Test
  void highBitsDoNotSpill() {
    commands.send(Records.TEXT, Records.STAGED, -1, -1, -1L, -1, 0);
    assertThat(command(0))
        .isEqualTo(
            "05010200"
                + "ffffffff"
                + "ffffffffffffffff"
                + "ffffffff"
                + "ffffffff"
                + "0000000000000000");
  }

  @Test
  void everyCommandHasItsIdAndFlags() {
    commands.listen(3, 64, 40);
    commands.unlisten(3);
    commands.acceptUpgrade(5, 6, 8, 9, 0xFF01L);
    commands.respond(5, 6, Records.STAGED, 7, 8);
    commands.close(5, 6, 1001, 0, 0);
    commands.close(5, 6, 1001, 9, 4);
    commands.abort(5, 6);
    commands.pauseReads(5, 6);
    commands.resumeReads(5, 6);
    commands.setTimer(2, 1, 1_000_000_000);
    commands.cancelTimer(2, 1);
    commands.connect(64, 70, 7);
    commands.ask(5, 6, 9, 4);
    commands.open(5, 6, 0xFF01L);
    commands.hold(5, 6);
    commands.finish(5, 6);
    String zero8 = "0000000000000000";
    assertThat(command(0))
        .isEqualTo("01000100" + "03000000" + "4000000000000000" + "28000000" + "00000000" + zero8);
    assertThat(command(1)).isEqualTo("02000000" + "03000000" + zero8 + zero8 + zero8);
    assertThat(command(2))
        .isEqualTo(
            "03000100"
                + "05000000"
                + "0800000000000000"
                + "09000000"
                + "06000000"
                + "01ff000000000000");
    assertThat(command(3))
        .isEqualTo("04000200" + "05000000" + "0700000000000000" + "08000000" + "06000000" + zero8);
    assertThat(command(4))
        .isEqualTo("06000000" + "05000000" + zero8 + "00000000" + "06000000" + "e903000000000000");
    assertThat(command(5))
        .isEqualTo(
            "06000200"
                + "05000000"
                + "0900000000000000"
                + "04000000"
                + "06000000"
                + "e903000000000000");
    assertThat(command(6))
        .isEqualTo("06001000" + "05000000" + zero8 + "00000000" + "06000000" + zero8);
    assertThat(command(7))
        .isEqualTo("07000000" + "05000000" + zero8 + "00000000" + "06000000" + zero8);
    assertThat(command(8))
        .isEqualTo("08000000" + "05000000" + zero8 + "00000000" + "06000000" + zero8);
    assertThat(command(9))
        .isEqualTo("0a000000" + "02000000" + zero8 + "00000000" + "01000000" + "00ca9a3b00000000");
    assertThat(command(10))
        .isEqualTo("0b000000" + "02000000" + zero8 + "00000000" + "01000000" + zero8);
    assertThat(command(11))
        .isEqualTo(
            "0c000100"
                + "00000000"
                + "4000000000000000"
                + "46000000"
                + "00000000"
                + "0700000000000000");
    assertThat(command(12))
        .isEqualTo("0d000200" + "05000000" + "0900000000000000" + "04000000" + "06000000" + zero8);
    assertThat(command(13))
        .isEqualTo("0e000000" + "05000000" + zero8 + "00000000" + "06000000" + "01ff000000000000");
    assertThat(command(14))
        .isEqualTo("11000000" + "05000000" + zero8 + "00000000" + "06000000" + zero8);
    assertThat(command(15))
        .isEqualTo("12000000" + "05000000" + zero8 + "00000000" + "06000000" + zero8);
    assertThat(commands.count()).isEqualTo(16);
  }

  @Test
  void postedSendEqualsWrittenSend() {
    commands.send(Records.TEXT, Records.OWNED, -2, -3, 77, -4, 88);
    commands.copy(
        PostedSend.head(Records.TEXT, -2), 77, PostedSend.lengthAndGeneration(-4, -3), 88);
    assertThat(command(1)).isEqualTo(command(0));
    assertThat(PostedSend.slot(PostedSend.head(Records.TEXT, -2))).isEqualTo(-2);
    assertThat(PostedSend.generation(PostedSend.lengthAndGeneration(-4, -3))).isEqualTo(-3);
    assertThat(PostedSend.length(PostedSend.lengthAndGeneration(-4, -3))).isEqualTo(-4);
  }

  @Test
  void fullRingThrowsUntilReset() {
    for (int i = 0; i < 4096; i++) {
      assertThat(commands.isFull()).isFalse();
      commands.pauseReads(i, 0);
    }
    assertThat(commands.isFull()).isTrue();
    assertThatThrownBy(() -> commands.pauseReads(0, 0)).hasMessageContaining("count=4096");
    assertThat(control.get(Records.EVENTS_OFFSET)).isZero();
    commands.reset();
    commands.unlisten(1);
    assertThat(command(0)).startsWith("02");
    assertThat(commands.count()).isEqualTo(1);
  }

  @Test
  void readerShowsEveryField() {
    byte[] record =
        HexFormat.of()
            .parseHex(
                "8a020180"
                    + "040302f1"
                    + "665544332211ff7f"
                    + "343332f1"
                    + "0d0c0bfa"
                    + "48474645444342f1");
    control.put(139_264 + 4095 * 32, record);
    EventReader event = new EventReader(control).wrap(4095);
    assertThat(event.type()).isEqualTo(Records.SENT);
    assertThat(event.opcode()).isEqualTo(2);
    assertThat(event.flags()).isEqualTo(0x8001);
    assertThat(event.has(Records.FAILED)).isTrue();
    assertThat(event.has(Records.IN_BLOCK)).isFalse();
    assertThat(event.slot()).isEqualTo(0xF1020304);
    assertThat(event.address()).isEqualTo(0x7FFF_1122_3344_5566L);
    assertThat(event.length()).isEqualTo(0xF1323334);
    assertThat(event.generation()).isEqualTo(0xFA0B0C0D);
    assertThat(event.auxiliary()).isEqualTo(0xF142434445464748L);
  }

  @Test
  void addressKeepsRegionAndOffsetApart() {
    long address = Records.address(9, 0x3FFF_FFFFL);
    assertThat(address).isEqualTo(0x0009_0000_3FFF_FFFFL);
    assertThat(Records.offset(address)).isEqualTo(0x3FFF_FFFF);
    assertThat(control.order()).isEqualTo(ByteOrder.BIG_ENDIAN);
  }
}
