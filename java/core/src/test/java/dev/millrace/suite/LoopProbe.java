// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import dev.millrace.Server;
import java.io.IOException;

/**
 * A second connection to a server of one loop. Its pong proves that the loop has looked at its
 * sockets since, so that what another client wrote before was received on its own: a cut in a
 * stream becomes a cut in what the server reads, without waiting for luck.
 */
public final class LoopProbe implements AutoCloseable {

  private final RawClient client;
  private int count;

  public LoopProbe(Server server, String target) throws IOException {
    client = RawClient.connect(server.addresses().get(0), target);
  }

  public void awaitTurn() throws IOException {
    String stamp = "turn " + count++;
    client.write(Frame.ping(stamp));
    client.expectPongs(stamp);
  }

  /** Writes a stream in the pieces between the cuts, each read by the server on its own. */
  public void writeCut(RawClient other, byte[] stream, int... cuts) throws IOException {
    int from = 0;
    for (int cut : cuts) {
      other.write(stream, from, cut);
      awaitTurn();
      from = cut;
    }
    other.write(stream, from, stream.length);
  }

  @Override
  public void close() throws IOException {
    client.close();
  }
}
