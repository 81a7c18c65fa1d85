// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HandshakeResponseTest {

  @Test
  void rfc6455_1_3_acceptOfTheExample() {
    assertThat(HandshakeResponse.acceptKey("dGhlIHNhbXBsZSBub25jZQ=="))
        .isEqualTo("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    byte[] response = HandshakeResponse.accept("dGhlIHNhbXBsZSBub25jZQ==", "X: \u00e9\r\n");
    assertThat(new String(response, StandardCharsets.ISO_8859_1))
        .isEqualTo(
            "HTTP/1.1 101 Switching Protocols\r\n"
                + "Upgrade: websocket\r\n"
                + "Connection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                + "X: \u00e9\r\n"
                + "\r\n");
  }

  @ParameterizedTest
  @EnumSource
  void everyRefusalIsACompleteResponse(Refusal refusal) {
    String response = new String(HandshakeResponse.refuse(refusal), StandardCharsets.US_ASCII);
    assertThat(response)
        .startsWith("HTTP/1.1 " + refusal.status() + " ")
        .contains("\r\nConnection: close")
        .contains("\r\nContent-Length: " + refusal.sentence().length() + "\r\n")
        .endsWith("\r\n\r\n" + refusal.sentence());
  }

  @Test
  void rfc6455_4_4_another_version_is_told_which() {
    assertThat(
            new String(
                HandshakeResponse.refuse(Refusal.WEBSOCKET_VERSION), StandardCharsets.US_ASCII))
        .contains(
            "\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  }

  @Test
  void rfc9110_15_5_6_methodsThatAreServedAreTold() {
    assertThat(new String(HandshakeResponse.refuse(Refusal.METHOD), StandardCharsets.US_ASCII))
        .contains("\r\nAllow: GET, HEAD\r\n");
  }
}
