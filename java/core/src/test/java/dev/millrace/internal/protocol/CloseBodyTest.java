// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.CloseCode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;

class CloseBodyTest {

  private static ProtocolError judge(int... bytes) {
    return judgeRelaxed(Relaxed.NONE, bytes);
  }

  private static ProtocolError judgeRelaxed(int relaxed, int... bytes) {
    ByteBuffer body = ByteBuffer.allocate(bytes.length + 1).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < bytes.length; i++) {
      body.put(1 + i, (byte) bytes[i]);
    }
    return CloseBody.judge(body, 1, bytes.length, relaxed);
  }

  @Test
  void aBodyIsEmptyOrHasACode() {
    assertThat(judge()).isEqualTo(ProtocolError.NONE);
    assertThat(judge(3)).isEqualTo(ProtocolError.INVALID_CLOSE_BODY);
    assertThat(judge(3, 0xE8)).isEqualTo(ProtocolError.NONE);
    assertThat(judge(3, 0xE8, 'b', 'y', 'e')).isEqualTo(ProtocolError.NONE);
  }

  @Test
  void everyCodeIsJudgedAsTheApiSays() {
    for (int code = 0; code <= 0xFFFF; code++) {
      assertThat(CloseBody.isSendable(code))
          .as("code=%d", code)
          .isEqualTo(CloseCode.isSendable(code));
      assertThat(judge(code >> 8, code & 0xFF))
          .as("code=%d", code)
          .isEqualTo(
              CloseCode.isSendable(code) ? ProtocolError.NONE : ProtocolError.INVALID_CLOSE_CODE);
    }
  }

  @Test
  void aReasonIsUtf8ToItsEnd() {
    assertThat(judge(3, 0xE8, 0xE2, 0x82, 0xAC)).isEqualTo(ProtocolError.NONE);
    assertThat(judge(3, 0xE8, 0xE2, 0x82)).isEqualTo(ProtocolError.INVALID_CLOSE_REASON);
    assertThat(judge(3, 0xE8, 0xFF)).isEqualTo(ProtocolError.INVALID_CLOSE_REASON);
  }

  @Test
  void eachRuleCanBeRelaxedAlone() {
    int[] one = {3};
    int[] unsendable = {3, 0xED};
    int[] notUtf8 = {3, 0xE8, 0xFF};
    assertThat(judgeRelaxed(Relaxed.CLOSE_LENGTH, one)).isEqualTo(ProtocolError.NONE);
    assertThat(judgeRelaxed(~Relaxed.CLOSE_LENGTH, one))
        .isEqualTo(ProtocolError.INVALID_CLOSE_BODY);
    assertThat(judgeRelaxed(Relaxed.CLOSE_CODE, unsendable)).isEqualTo(ProtocolError.NONE);
    assertThat(judgeRelaxed(~Relaxed.CLOSE_CODE, unsendable))
        .isEqualTo(ProtocolError.INVALID_CLOSE_CODE);
    assertThat(judgeRelaxed(Relaxed.CLOSE_REASON_UTF8, notUtf8)).isEqualTo(ProtocolError.NONE);
    assertThat(judgeRelaxed(~Relaxed.CLOSE_REASON_UTF8, notUtf8))
        .isEqualTo(ProtocolError.INVALID_CLOSE_REASON);
  }

  @Test
  void theCodeIsBigEndianAndZeroWhereThereIsNone() {
    ByteBuffer body = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    body.put(1, (byte) 0x0F).put(2, (byte) 0xA1);
    assertThat(CloseBody.code(body, 1, 2)).isEqualTo(4001);
    assertThat(CloseBody.code(body, 1, 0)).isZero();
  }

  @Test
  void everyErrorHasACodeThatMayBeSentUnlessItCutsTheConnection() {
    List<ProtocolError> silent =
        List.of(ProtocolError.NONE, ProtocolError.NO_PONG, ProtocolError.NO_PROGRESS);
    for (ProtocolError error : ProtocolError.values()) {
      if (!silent.contains(error)) {
        assertThat(CloseBody.isSendable(error.closeCode())).as(error.name()).isTrue();
      }
    }
  }
}
