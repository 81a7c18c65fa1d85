// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Compression;
import dev.millrace.MillraceException;
import dev.millrace.Server;
import dev.millrace.suite.DeflateClient;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every {@link DeflateCase}. The public suite sends a thousand messages each, which {@code
 * -Dmillrace.test.deflateMessages=1000} does too.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class DeflateConformanceSuite extends EngineSuite {
  private static final int MESSAGES = Integer.getInteger("millrace.test.deflateMessages", 2);
  private static final int FILE_LENGTH = 256 << 10;

  /** Whatever the content, messages of this length do, or go compressed for their window's sake. */
  private static final int SHRINKS = 1024;

  private static final int THRESHOLD = Compression.enabled().thresholdBytes();

  private final Map<DeflateCase.Content, byte[]> files = new EnumMap<>(DeflateCase.Content.class);
  private Server server;

  @BeforeAll
  void startServer() throws MillraceException {
    Compression compression = Compression.enabled().withContextTakeover(true);
    server = server().route("/", ECHO).compression(compression).start();
  }

  @AfterAll
  void closeServer() {
    server.close();
  }

  static List<DeflateCase> cases() {
    return DeflateCase.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void deflate(DeflateCase one) throws Exception {
    byte[] file = files.computeIfAbsent(one.content(), content -> content.bytes(FILE_LENGTH));
    int opcode = one.content().opcode;
    int at = 0;
    try (DeflateClient client = DeflateClient.connect(address(server), "/", one.offer())) {
      assertTrue(one.offer().startsWith(client.answer().split(";")[0]), client.answer());
      for (int i = 0; i < MESSAGES; i++) {
        at = at + one.length() > file.length ? 0 : at;
        byte[] message = Arrays.copyOfRange(file, at, at + one.length());
        at += one.length();
        byte[] compressed = client.compress(message);
        int fragment = one.fragment() == 0 ? compressed.length : one.fragment();
        client.sendFragments(opcode, compressed, fragment);
        boolean isCompressed = client.expect(opcode, message).compressed();
        if (one.length() < THRESHOLD || one.length() >= SHRINKS) {
          assertEquals(one.length() >= THRESHOLD, isCompressed);
        }
      }
      client.raw().write(Frame.close(1000, ""));
      client.raw().expectCloseAndEnd(1000);
    }
  }
}
