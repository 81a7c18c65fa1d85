// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Seed;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * FlatBuffers whose offsets point at the message beside them in the receive memory. Unverified
 * accessors follow any offset, signed ones too; they must hit the end of the slice instead.
 */
@Timeout(60)
@ExtendWith(Seed.class)
final class HostileFlatBufferTest {

  private static final String SECRET = "the neighbour's secret";
  private static final String REFUSED = "refused";

  private final BlockingQueue<String> outcomes = new LinkedBlockingQueue<>();

  private void read(Connection connection, Message message) {
    try {
      outcomes.add("read " + NoteTable.root(message.payload()).text(0));
    } catch (IndexOutOfBoundsException | IllegalArgumentException refused) {
      // the end of the slice, or text within it that is not UTF-8
      outcomes.add(REFUSED);
    }
  }

  private static byte[] note(String text) {
    FlatBufferBuilder builder = new FlatBufferBuilder(64);
    int offset = builder.createString(text);
    builder.startTable(1);
    builder.addOffset(0, offset, 0);
    builder.finish(builder.endTable());
    return builder.sizedByteArray();
  }

  /** Where in a note the length of its text stands; the text itself follows. */
  private static int textPosition(byte[] note) {
    String bytes = new String(note, StandardCharsets.ISO_8859_1);
    return bytes.indexOf(SECRET) - Integer.BYTES;
  }

  private static int fieldPosition(byte[] note) {
    ByteBuffer buffer = ByteBuffer.wrap(note).order(ByteOrder.LITTLE_ENDIAN);
    int table = buffer.getInt(0);
    int vtable = table - buffer.getInt(table);
    return table + buffer.getShort(vtable + 4);
  }

  private static byte[] patched(byte[] note, int position, int value) {
    byte[] patched = note.clone();
    ByteBuffer.wrap(patched).order(ByteOrder.LITTLE_ENDIAN).putInt(position, value);
    return patched;
  }

  private Server start() throws Exception {
    return Server.builder()
        .engine(Engine.NATIVE)
        .loops(1)
        .listen("ws://127.0.0.1:0")
        .route("/", this::read)
        .start();
  }

  private void assertOutcomes(String... expected) throws InterruptedException {
    for (String outcome : expected) {
      assertEquals(outcome, Deadline.take(outcomes, "the handler"));
    }
  }

  @Test
  void offsetsThatPointAtTheNeighbourReadNothing() throws Exception {
    byte[] secret = note(SECRET);
    byte[] good = note("good");
    byte[] frame = Frame.binary(secret).bytes();
    int header = frame.length - secret.length;
    int field = fieldPosition(good);
    int table = ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getInt(0);
    int behind = good.length + header;
    int before = -header - secret.length;
    byte[][] hostile = {
      patched(good, field, behind + textPosition(secret) - field),
      patched(good, field, before + textPosition(secret) - field),
      patched(good, 0, behind + table),
      patched(good, 0, before + table),
      patched(good, table, -behind),
      patched(good, table, table - before),
      patched(good, field, Integer.MAX_VALUE - field),
      patched(good, field, Integer.MIN_VALUE),
    };
    try (Server server = start();
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      for (byte[] bytes : hostile) {
        client.write(Frame.binary(secret), Frame.binary(bytes), Frame.binary(secret));
        assertOutcomes("read " + SECRET, REFUSED, "read " + SECRET);
      }
      client.write(Frame.binary(good));
      assertOutcomes("read good");
    }
  }

  /** Whatever bytes change, nothing of the neighbours comes out. */
  @Test
  void randomChangesNeverShowTheNeighbour() throws Exception {
    Random random = Seed.random("hostile flatbuffers");
    byte[] secret = note(SECRET);
    byte[] good = note("good and a little longer");
    try (Server server = start();
        RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
      for (int run = 0; run < 3000; run++) {
        byte[] changed = good.clone();
        for (int change = 0; change <= random.nextInt(3); change++) {
          changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
        }
        client.write(Frame.binary(secret), Frame.binary(changed), Frame.binary(secret));
        assertOutcomes("read " + SECRET);
        String outcome = Deadline.take(outcomes, "the handler");
        assertTrue(!outcome.contains("secret") && !outcome.contains("neighbour"), outcome);
        assertOutcomes("read " + SECRET);
      }
    }
  }
}
