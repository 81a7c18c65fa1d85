// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class EndsTest {
  private static String tell(int code, String text, Initiator initiator, String cause) {
    IOException failed = cause == null ? null : new IOException(cause);
    return Ends.tell(new CloseReason(code, text, initiator, failed), false);
  }

  @Test
  void tellsWhoBeganAndWhatTheCodeMeans() {
    assertEquals("closed by the peer with 4000: bye", tell(4000, "bye", Initiator.PEER, null));
    assertEquals("closed by the peer with 1001 (going away)", tell(1001, "", Initiator.PEER, null));
    assertEquals(
        "closed by this side with 1002 (protocol error): a rule",
        tell(1002, "a rule", Initiator.LOCAL, null));
    assertEquals(
        "closed with 1000 (normal closure)",
        Ends.tell(new CloseReason(1000, "", Initiator.LOCAL, null), true));
  }

  @Test
  void tellsACauseOnce() {
    assertEquals("connection lost", tell(1006, "", Initiator.NETWORK, null));
    assertEquals(
        "connection lost: Reset: errno=104",
        tell(1006, "reset", Initiator.NETWORK, "Reset: errno=104"));
    assertEquals(
        "closed by this side with 1000 (normal closure): no answer",
        tell(1000, "", Initiator.LOCAL, "no answer"));
    assertEquals(
        "closed by this side with 1001 (going away): idle: too late",
        tell(1001, "idle", Initiator.LOCAL, "too late"));
  }
}
