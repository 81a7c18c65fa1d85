// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.flatbuffers.FlatBuffers;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** npm {@code ws} and npm {@code flatbuffers} ask; a Java handler reads in place and answers. */
@Timeout(240)
final class FlatBufferPeerTest {

  private static void answer(Connection connection, Message message) {
    NoteTable question = NoteTable.root(message.payload());
    try (Lease lease = connection.lease(512)) {
      FlatBufferBuilder builder = FlatBuffers.builder(lease);
      int note = builder.createString("re: " + question.text(2));
      builder.startTable(2);
      builder.addInt(0, question.number(0) + question.number(1), 0);
      builder.addOffset(1, note, 0);
      builder.finish(builder.endTable());
      assertEquals(SendResult.ACCEPTED, connection.send(FlatBuffers.finish(builder, lease)));
    }
  }

  @Test
  void nodeClientSendsAFlatBufferAndGetsItsAnswer() throws Exception {
    Peers.prepare();
    try (Server server =
        Server.builder()
            .engine(Engine.NATIVE)
            .listen("ws://127.0.0.1:0")
            .route("/sum", FlatBufferPeerTest::answer)
            .start()) {
      String url = server.addresses().get(0) + "/sum";
      List<String> printed =
          Peers.run(List.of("node", "flatbuffer.mjs", url, "40", "2", "what is \u20ac"));
      assertEquals(List.of("binary 42 re: what is \u20ac"), printed);
    }
  }
}
