// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.CloseCode;
import dev.millrace.Engine;
import dev.millrace.Server;
import dev.millrace.flatbuffers.Orders;
import dev.millrace.flatbuffers.TypedHandler;
import dev.millrace.internal.spi.MessageVerifier;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/** More schemas than the core has room for. */
@Isolated("takes all places that the process has for schemas")
@Tag("unchecked")
@Timeout(60)
final class NativeManySchemasTest {
  private static final int PLACES = 4096;

  @Test
  void theWalkInJavaJudgesWhatTheCoreHasNoRoomFor() throws Exception {
    MessageVerifier verifier = NativeMessageVerifier.INSTANCE;
    List<Integer> handles = new ArrayList<>();
    try (Server server =
        Server.builder()
            .engine(Engine.NATIVE)
            .listen("ws://127.0.0.1:0")
            .route(
                "/",
                TypedHandler.of(
                    Orders.schema(), (connection, order) -> connection.send(order.symbol())))
            .start()) {
      for (int handle = load(verifier); handle != MessageVerifier.FULL; handle = load(verifier)) {
        assertThat(handles).hasSizeLessThan(PLACES);
        handles.add(handle);
      }
      try (RawClient client = RawClient.connect(server.addresses().get(0), "/")) {
        client.write(Frame.binary(Orders.small("ACME")));
        client.expectText("ACME");
        client.write(Frame.binary(new byte[100]));
        client.expectClose(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
      }
    } finally {
      handles.forEach(verifier::forget);
    }
  }

  private static int load(MessageVerifier verifier) {
    return verifier.load(Orders.bfbs(), 64, 1_000_000, false);
  }
}
