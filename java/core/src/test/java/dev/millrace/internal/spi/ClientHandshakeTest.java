// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.UpgradeException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** RFC 6455 4.1, with the key of its section 1.3. */
class ClientHandshakeTest {

  private static final String ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

  private static final SecureRandom NONCE =
      new SecureRandom() {
        private static final long serialVersionUID = 1L;

        @Override
        public void nextBytes(byte[] bytes) {
          byte[] sample = "the sample nonce".getBytes(StandardCharsets.US_ASCII);
          System.arraycopy(sample, 0, bytes, 0, bytes.length);
        }
      };

  private final ClientHandshake handshake = new ClientHandshake(NONCE, List.of("v2", "v1"));

  private @Nullable String judge(String head) throws UpgradeException {
    int status = Integer.parseInt(head.substring(9, 12));
    byte[] bytes = head.getBytes(StandardCharsets.ISO_8859_1);
    return handshake.judge(new ResponseHead(bytes, status));
  }

  private static String accepting(String more) {
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: "
        + ACCEPT
        + "\r\n"
        + more
        + "\r\n";
  }

  @Test
  void theSampleOfTheRfc() throws UpgradeException {
    StringBuilder lines = new StringBuilder();
    handshake.appendTo(lines);

    assertThat(lines)
        .hasToString(
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v2, v1\r\n");
    assertThat(judge(accepting(""))).isNull();
    assertThat(judge(accepting("Sec-WebSocket-Protocol: v1\r\n"))).isEqualTo("v1");
  }

  @Test
  void whatTheRfcLeavesOpenIsTaken() throws UpgradeException {
    String head = accepting("");

    assertThat(judge(head.replace("websocket", "WebSocket"))).isNull();
    assertThat(judge(head.replace("Connection: Upgrade", "connection:keep-alive ,\tuPGRADE")))
        .isNull();
    assertThat(judge(head.replace("Connection: Upgrade", "Connection: x\r\nConnection: upgrade")))
        .isNull();
    assertThat(judge(head.replace(ACCEPT, "  " + ACCEPT + "\t"))).isNull();
    assertThat(judge(head.replace("Switching Protocols", ""))).isNull();
  }

  @ParameterizedTest(name = "{2}: {1}")
  @CsvSource(
      delimiter = '|',
      value = {
        "101 Switching|200 OK|its status is not 101",
        "HTTP/1.1|HTTP/1.0|it is not HTTP/1.1",
        "Upgrade: websocket|A: b|Upgrade is not websocket: there is none",
        "Upgrade: websocket|Upgrade: h2c|Upgrade is not websocket: value=h2c",
        "Upgrade: websocket|Upgrade: websocket, h2c|Upgrade is not websocket",
        "Upgrade: websocket|Upgrade: websocket\\r\\nUpgrade: websocket|Upgrade is not websocket",
        "Connection: Upgrade|Connection: close|Connection does not say Upgrade: value=close",
        "Connection: Upgrade|Connection: Upgraded|Connection does not say Upgrade",
        "Connection: Upgrade|A: Upgrade|Connection does not say Upgrade: there is none",
        "s3pP|S3pP|Sec-WebSocket-Accept does not answer the key: value=S3pP",
        "xOo=|xOo|Sec-WebSocket-Accept does not answer the key",
        "Sec-WebSocket-Accept|Sec-WebSocket-Key|does not answer the key: there is none",
        "A: b|A: b\\r\\nSec-WebSocket-Accept: x|Sec-WebSocket-Accept does not answer the key",
        "A: b|Sec-WebSocket-Protocol: v3|subprotocol was not offered: value=v3, offered=[v2, v1]",
        "A: b|Sec-WebSocket-Protocol: V1|subprotocol was not offered",
        "A: b|Sec-WebSocket-Protocol: v1, v2|subprotocol was not offered",
        "A: b|Sec-WebSocket-Protocol:|subprotocol was not offered",
      })
  void whatIsNoAnswerToIt(String from, String to, String why) {
    String head = accepting("A: b\r\n");
    assertThat(head).contains(from);
    String wrong = head.replace(from, to.replace("\\r\\n", "\r\n"));

    assertThatThrownBy(() -> judge(wrong))
        .isInstanceOf(UpgradeException.class)
        .hasMessageStartingWith("the server's answer does not accept the handshake: ")
        .hasMessageContaining(why);
  }

  @Test
  void oneSubprotocolOnly() {
    String twice = "Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v1\r\n";

    assertThatThrownBy(() -> judge(accepting(twice)))
        .hasMessageContaining("subprotocol was not offered: value=v1, v1");
  }

  @Test
  void whatTheServerSaidCannotDisguiseALogLine() {
    assertThatThrownBy(() -> judge(accepting("Sec-WebSocket-Protocol: a\u0085b\r\n")))
        .hasMessageContaining("value=a\\u0085b");
  }
}
