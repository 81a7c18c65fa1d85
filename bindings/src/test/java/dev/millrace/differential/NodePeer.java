// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** An echo server on npm {@code ws}, in a process that ends with its input. */
final class NodePeer implements Target {
  private final UnixDomainSocketAddress address;
  private final Process process;

  /**
   * Starts it.
   *
   * @param prepared the folder with {@code differential-ws.mjs} and its packages
   */
  NodePeer(Path prepared, Path socket) throws IOException {
    address = UnixDomainSocketAddress.of(socket);
    process =
        new ProcessBuilder(
                "node",
                "differential-ws.mjs",
                socket.toString(),
                "" + ServedEngine.MAX_MESSAGE,
                "" + ServedEngine.MAX_FRAGMENTS)
            .directory(prepared.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    BufferedReader out =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    if (out.readLine() == null) {
      throw new IOException("node did not start");
    }
  }

  @Override
  public String name() {
    return "node ws";
  }

  @Override
  public UnixDomainSocketAddress address() {
    return address;
  }

  @Override
  public boolean tellsEvents() {
    return false;
  }

  @Override
  public byte @Nullable [] nextLog() {
    return null;
  }

  @Override
  public long bytesReceived() {
    return -1;
  }

  @Override
  public void close() {
    process.destroy();
  }
}
