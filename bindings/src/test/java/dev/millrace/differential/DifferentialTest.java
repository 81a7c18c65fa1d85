// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.differential.Comparison.Difference;
import dev.millrace.differential.Comparison.Result;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The same streams into both engines; {@code ./millrace differential} runs longer. */
@Timeout(300)
final class DifferentialTest {
  private static final long STREAMS = 50_000;

  @TempDir private Path folder;

  /** Returns what the connections ended with. */
  private Set<Integer> assertAlike(long seed) throws Exception {
    ByteArrayOutputStream told = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(told, true, StandardCharsets.UTF_8);
    try (Comparison comparison = Differential.engines(folder)) {
      int differences = new Differential(comparison, out).run(seed, STREAMS, 120);
      assertThat(differences).as(told.toString(StandardCharsets.UTF_8)).isZero();
      return comparison.codes().keySet();
    }
  }

  @Test
  void streamsOfAFixedSeed() throws Exception {
    // What hostile streams are for: each way to be refused, and each way to be closed.
    assertThat(assertAlike(6455))
        .contains(0, 101, 200, 400, 403, 404, 405, 409, 414, 426, 431, 505)
        .contains(1000, 1002, 1005, 1007, 1008, 1009, 3000);
  }

  @Test
  void streamsOfTheClocksSeed() throws Exception {
    long seed = System.nanoTime();
    System.out.println("differential streams from seed " + seed);
    assertAlike(seed);
  }

  @Test
  void aSeedIsAlwaysTheSameStream() {
    Streams source = new Streams();
    Streams again = new Streams();
    again.of(5);
    assertThat(LongStream.range(0, 500))
        .allSatisfy(
            seed -> {
              Stream stream = source.of(seed);
              assertThat(again.of(seed).bytes()).isEqualTo(stream.bytes());
              assertThat(again.of(seed).cuts()).isEqualTo(stream.cuts());
            });
  }

  /** An engine with another limit stands for one with a bug. */
  private Difference found(Limits limits, long seed) throws Exception {
    ServedEngine right =
        new ServedEngine(Engine.JAVA, ServedEngine.LIMITS, folder.resolve("right"));
    ServedEngine wrong = new ServedEngine(Engine.JAVA, limits, folder.resolve("wrong"));
    try (Comparison comparison = new Comparison(right, wrong, new Streams(), Judge.STRICT)) {
      for (long done = 0; ; ) {
        Result result = comparison.run(seed + done, 1000);
        if (!result.differences().isEmpty()) {
          return comparison.minimise(result.differences().get(0));
        }
        done += result.streams();
      }
    }
  }

  @Test
  void whatOneEngineClosesForIsFound() throws Exception {
    int most = 1000;
    Difference found = found(ServedEngine.LIMITS.withMaxMessageBytes(most), 1);
    assertThat(found.other().code()).isEqualTo(1009);
    assertThat(found.one().code()).isNotEqualTo(1009);
    // Nothing is left but the request, shortened, and the header that tells the length.
    assertThat(found.script().bytes().length).isLessThan(Requests.PLAIN.length + 10);
  }

  @Test
  void whatOneEngineRefusesIsFound() throws Exception {
    Difference found = found(ServedEngine.LIMITS.withMaxRequestLineBytes(64), 1);
    assertThat(List.of(found.one().code(), found.other().code())).contains(414);
  }

  // ---- What is evened out, and what is not.

  private static Outcome outcome(String frames) {
    String head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    byte[] wire = (head + frames).getBytes(StandardCharsets.ISO_8859_1);
    return new Outcome(wire, Outcome.End.FIN, null);
  }

  @Test
  void aPongMayOvertakeMessagesAndNothingElse() {
    String message = "\u0081\u0001m";
    String other = "\u0081\u0001n";
    String pong = "\u008a\u0001p";
    String later = "\u008a\u0001q";
    String close = "\u0088\u0000";
    Outcome seen = outcome(message + pong + other + later + close);
    assertThat(seen.looksLike(outcome(pong + later + message + other + close))).isTrue();
    assertThat(seen.looksLike(outcome(message + other + pong + later + close))).isTrue();
    assertThat(seen.looksLike(outcome(message + later + other + pong + close))).isFalse();
    assertThat(seen.looksLike(outcome(other + pong + message + later + close))).isFalse();
    assertThat(seen.looksLike(outcome(message + pong + other + close + later))).isFalse();
    assertThat(seen.looksLike(outcome(message + pong + other + close))).isFalse();
    assertThat(seen.looksLike(outcome(message + pong + other + later))).isFalse();
    assertThat(seen.looksLike(new Outcome(seen.wire(), Outcome.End.RST, null))).isFalse();
  }
}
