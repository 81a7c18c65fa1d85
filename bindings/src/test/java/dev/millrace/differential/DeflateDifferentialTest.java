// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.Server;
import dev.millrace.suite.DeflateClient;
import dev.millrace.suite.Frame;
import dev.millrace.suite.Seed;
import dev.millrace.suite.ServerFrame;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The same offers and the same payloads, legal and hostile, into both engines: what they answer is
 * the same, and what they echo inflates to the same.
 */
@Timeout(120)
final class DeflateDifferentialTest {
  private static final int CONNECTIONS = Integer.getInteger("millrace.test.deflateStreams", 300);
  private static final int LIMIT = 20_000;

  private final Random random = new Random();

  private static Server start(Engine engine, Compression compression) throws Exception {
    return Server.builder()
        .engine(engine)
        .loops(1)
        .listen("ws://127.0.0.1:0")
        .route("/", (connection, message) -> connection.send(message))
        .limits(Limits.defaults().withMaxMessageBytes(LIMIT))
        .compression(compression)
        .start();
  }

  @Test
  void bothEnginesAnswerAlike() throws Exception {
    long seed = Seed.random("deflate differential").nextLong();
    int done = 0;
    for (Compression compression :
        List.of(
            Compression.enabled(),
            Compression.enabled().withContextTakeover(true).withThresholdBytes(1),
            Compression.enabled()
                .withContextTakeover(true)
                .withServerWindowBits(9)
                .withClientWindowBits(8))) {
      try (Server one = start(Engine.NATIVE, compression);
          Server other = start(Engine.JAVA, compression)) {
        for (int i = 0; i < CONNECTIONS / 3; i++) {
          long stream = seed + done++;
          random.setSeed(stream);
          String offer = offer();
          List<String> seen = exchange(one.addresses().get(0), offer, stream);
          assertThat(exchange(other.addresses().get(0), offer, stream))
              .as("seed " + stream + ", offer " + offer + ", " + compression)
              .isEqualTo(seen);
        }
      }
    }
  }

  private String offer() {
    List<String> parameters =
        new ArrayList<>(
            List.of(
                "; server_no_context_takeover",
                "; client_no_context_takeover",
                "; server_max_window_bits=" + (8 + random.nextInt(8)),
                "; client_max_window_bits"
                    + (random.nextBoolean() ? "" : "=" + (8 + random.nextInt(8)))));
    parameters.removeIf(any -> random.nextBoolean());
    return "permessage-deflate" + String.join("", parameters);
  }

  /** What the server said, messages inflated. */
  private List<String> exchange(URI server, String offer, long seed) throws Exception {
    random.setSeed(seed);
    List<String> seen = new ArrayList<>();
    try (DeflateClient client = DeflateClient.connect(server, "/", offer)) {
      seen.add(client.answer());
      boolean open = true;
      for (int left = 1 + random.nextInt(6); left > 0 && open; left--) {
        send(client);
        ServerFrame frame = client.readMessage();
        open = frame.opcode() != Frame.CLOSE;
        seen.add(frame.opcode() + " " + HexFormat.of().formatHex(frame.payload()));
      }
    }
    return seen;
  }

  private void send(DeflateClient client) throws Exception {
    byte[] message = new byte[random.nextInt(random.nextInt(8) == 0 ? LIMIT + 2000 : 600)];
    for (int i = 0; i < message.length; i++) {
      message[i] = (byte) ('a' + Math.abs(random.nextGaussian() * 3) % 26);
    }
    int opcode = random.nextBoolean() ? Frame.TEXT : Frame.BINARY;
    byte[] payload = client.compress(message);
    // How much farther back than a small window a hostile message may refer, both may decide.
    boolean mayBeHostile = !client.answer().contains("client_max_window_bits");
    if (random.nextInt(6) == 0 && mayBeHostile) {
      payload[random.nextInt(payload.length)] ^= (byte) (1 << random.nextInt(8));
      payload = Arrays.copyOf(payload, 1 + random.nextInt(payload.length));
    }
    if (random.nextInt(4) == 0) {
      client.sendFragments(opcode, payload, 1 + random.nextInt(payload.length));
    } else {
      client.raw().write(Frame.of(opcode, payload).withReservedBits(4));
    }
  }
}
