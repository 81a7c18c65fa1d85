// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import static dev.millrace.benchmarks.peers.netty.FrameClient.BINARY;
import static dev.millrace.benchmarks.peers.netty.FrameClient.CLOSE;
import static dev.millrace.benchmarks.peers.netty.FrameClient.CONTINUATION;
import static dev.millrace.benchmarks.peers.netty.FrameClient.FINAL;
import static dev.millrace.benchmarks.peers.netty.FrameClient.PING;
import static dev.millrace.benchmarks.peers.netty.FrameClient.PONG;
import static dev.millrace.benchmarks.peers.netty.FrameClient.TEXT;
import static dev.millrace.benchmarks.peers.netty.FrameClient.frame;
import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.benchmarks.peers.netty.FrameClient.Frame;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** A peer that echoed wrong, or took what it must refuse, would be no fair one to compare with. */
@ParameterizedClass
@ValueSource(strings = {"--tuned", "--default", "--tuned --transport nio"})
class EchoServerTest {
  @Parameter private String arguments;

  private EchoServer server;
  private FrameClient client;

  @BeforeEach
  void start() throws Exception {
    server = EchoServer.start(EchoOptions.parse(List.of(arguments.split(" "))));
    client = new FrameClient(server.port());
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  @Test
  void binaryOfEveryLengthForm() throws Exception {
    for (int length : new int[] {0, 1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20}) {
      byte[] payload = random(length);
      client.send(frame(FINAL | BINARY, payload));
      assertFrame(FINAL | BINARY, payload);
    }
  }

  @Test
  void text() throws Exception {
    byte[] payload = "aé€😀 ".repeat(3000).getBytes(StandardCharsets.UTF_8);
    client.send(frame(FINAL | TEXT, payload));
    assertFrame(FINAL | TEXT, payload);
  }

  @Test
  void fragmentsComeBackAsOneMessageAndThePingBetweenThemAtOnce() throws Exception {
    byte[] payload = "zwei Stücke".getBytes(StandardCharsets.UTF_8);
    int cut = 7; // within the two bytes of the ü
    client.send(frame(TEXT, slice(payload, 0, cut)));
    client.send(frame(FINAL | PING, new byte[] {1, 2}));
    assertFrame(FINAL | PONG, new byte[] {1, 2});
    client.send(frame(FINAL | CONTINUATION, slice(payload, cut, payload.length)));
    assertFrame(FINAL | TEXT, payload);
  }

  @Test
  void aBurstIsAnsweredInOrder() throws Exception {
    ByteArrayOutputStream burst = new ByteArrayOutputStream();
    for (int i = 0; i < 500; i++) {
      burst.writeBytes(frame(FINAL | BINARY, numbered(i)));
    }
    client.send(burst.toByteArray());
    for (int i = 0; i < 500; i++) {
      assertFrame(FINAL | BINARY, numbered(i));
    }
  }

  @Test
  void theClosingHandshakeIsAnswered() throws Exception {
    byte[] body = {0x03, (byte) 0xe8};
    client.send(frame(FINAL | CLOSE, body));
    assertFrame(FINAL | CLOSE, body);
    client.awaitEnd();
  }

  @Test
  void textThatIsNoUtf8IsRefused() throws Exception {
    client.send(frame(FINAL | TEXT, new byte[] {'a', (byte) 0xc0, (byte) 0xaf}));
    assertClosed(1007);
  }

  @Test
  void aMessageAboveTheLimitIsRefused() throws Exception {
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    FrameClient.header(
        new DataOutputStream(header), FINAL | BINARY, EchoServer.MAX_MESSAGE_BYTES + 1);
    client.send(header.toByteArray());
    assertClosed(1009);
  }

  private void assertFrame(int firstByte, byte[] payload) throws Exception {
    Frame frame = client.receive();
    assertThat(frame.firstByte()).isEqualTo(firstByte);
    assertThat(frame.payload()).isEqualTo(payload);
  }

  private void assertClosed(int code) throws Exception {
    Frame frame = client.receive();
    assertThat(frame.firstByte()).isEqualTo(FINAL | CLOSE);
    assertThat(ByteBuffer.wrap(frame.payload()).getShort()).isEqualTo((short) code);
    client.awaitEnd(); // Netty's protocol handler says Close once more before it closes
  }

  private static byte[] numbered(int number) {
    return ByteBuffer.allocate(300).putInt(number).putInt(296, ~number).array();
  }

  private static byte[] slice(byte[] bytes, int from, int to) {
    return Arrays.copyOfRange(bytes, from, to);
  }

  private static byte[] random(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }
}
