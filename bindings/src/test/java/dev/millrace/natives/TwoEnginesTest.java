// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Lease;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Both engines in one process: what one has received or leased, the other sends. */
@Timeout(60)
final class TwoEnginesTest {
  private static final byte[] BYTES = "from the other".getBytes(StandardCharsets.US_ASCII);

  private final Recorder first = new Recorder();
  private final Recorder second = new Recorder();

  private static Server start(Engine engine, Recorder recorder) throws Exception {
    return Server.builder()
        .engine(engine)
        .loops(1)
        .listen("ws://127.0.0.1:0")
        .route("/", recorder)
        .start();
  }

  private interface Check {
    void check(Connection one, Connection other, RawClient othersClient) throws Exception;
  }

  /** Each way round. */
  private void both(Check check) throws Exception {
    try (Server nativeServer = start(Engine.NATIVE, first);
        Server javaServer = start(Engine.JAVA, second);
        RawClient nativeClient = RawClient.connect(nativeServer.addresses().get(0), "/");
        RawClient javaClient = RawClient.connect(javaServer.addresses().get(0), "/")) {
      Connection ofNative = first.awaitOpen();
      Connection ofJava = second.awaitOpen();
      assertNotEquals(ofNative.id(), ofJava.id());
      check.check(ofNative, ofJava, javaClient);
      check.check(ofJava, ofNative, nativeClient);
    }
  }

  @Test
  void aLeaseOfTheOtherEngineIsCopiedAndConsumed() throws Exception {
    both(
        (one, other, othersClient) -> {
          Lease lease = one.lease(100);
          lease.buffer().put(BYTES);
          assertEquals(SendResult.ACCEPTED, other.send(lease));
          othersClient.expectBinary(BYTES);
          assertThrows(IllegalStateException.class, lease::buffer);
        });
  }

  @Test
  void severalLeasesMustBeOfOneEngine() throws Exception {
    both(
        (one, other, othersClient) -> {
          try (Lease own = other.lease(10);
              Lease foreign = one.lease(10)) {
            own.buffer().put((byte) 1);
            assertThrows(
                IllegalArgumentException.class, () -> other.sendAll(List.of(own, foreign)));
            assertEquals(1, own.length());
            assertEquals(SendResult.ACCEPTED, other.send(own));
            othersClient.expectBinary(new byte[] {1});
          }
          othersClient.write(Frame.ping("in order")).expectPongs("in order");
        });
  }
}
