// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.flatbuffers.Fault;
import dev.millrace.flatbuffers.Schema;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * The walk over FlatBuffers in Java against the one in C++: the same verdict and the same first
 * fault. The program of {@code native/tests/walks} makes the buffers, compares its walk with
 * flatc's verifier, and writes both to its standard output. {@code ./millrace walks} runs more of
 * them, with AddressSanitizer in that program.
 */
class WalkDifferentialTest {
  private static final int END = -1;

  @Test
  void theWalkInJavaSaysWhatTheWalkInCppSays() throws Exception {
    String program = System.getProperty("millrace.test.walks", "target/cmake/native/tests/walks");
    assumeTrue(Files.isExecutable(Path.of(program)), "the native tests were not built: " + program);
    long buffers = Long.getLong("millrace.test.buffers", 100_000);
    Path report = Path.of("target", "walks.txt");
    Process process =
        new ProcessBuilder(
                program,
                "--pipe",
                "--buffers",
                Long.toString(buffers),
                "--seed",
                System.getProperty("millrace.test.seed", "1"))
            .redirectError(report.toFile())
            .start();
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(process.getInputStream(), 1 << 20))) {
      long compared = compare(in);
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).as(Files.readString(report)).isZero();
      assertThat(compared).isEqualTo(buffers);
    } catch (IOException cut) {
      process.waitFor(10, TimeUnit.SECONDS);
      throw new AssertionError("the program ended early: " + Files.readString(report), cut);
    } finally {
      process.destroy();
    }
    Files.writeString(
        report,
        Files.readString(report) + buffers + " verdicts of the walk in Java are the same\n");
  }

  private static long compare(DataInputStream in) throws IOException {
    int maxDepth = number(in);
    int maxTables = number(in);
    List<Schema<ByteBuffer>> schemas = new ArrayList<>();
    for (int left = number(in); left > 0; left--) {
      Schema<ByteBuffer> schema = Schema.load(run(in), buffer -> buffer);
      schemas.add(schema.withMaxDepth(maxDepth).withMaxTables(maxTables));
    }
    long compared = 0;
    for (int schema = number(in); schema != END; schema = number(in)) {
      ByteBuffer buffer = ByteBuffer.wrap(run(in));
      String expected = new String(run(in), StandardCharsets.UTF_8);
      String verdict = schemas.get(schema).check(buffer).map(Fault::toString).orElse("");
      if (!verdict.equals(expected)) {
        throw new AssertionError(
            "buffer %d of schema %d: C++ says \"%s\", Java says \"%s\""
                .formatted(compared, schema, expected, verdict));
      }
      compared++;
    }
    return compared;
  }

  private static int number(DataInputStream in) throws IOException {
    return Integer.reverseBytes(in.readInt());
  }

  private static byte[] run(DataInputStream in) throws IOException {
    byte[] bytes = new byte[number(in)];
    in.readFully(bytes);
    return bytes;
  }
}
