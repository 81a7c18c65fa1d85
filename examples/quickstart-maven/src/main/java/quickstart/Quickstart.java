// SPDX-License-Identifier: Apache-2.0
package quickstart;

import dev.millrace.Server;

public final class Quickstart {
  public static void main(String[] args) throws Exception {
    try (Server server =
        Server.builder()
            .listen("ws://127.0.0.1:9001")
            .route("/echo", (connection, message) -> connection.send(message))
            .route(
                "/hello/{name}",
                (connection, message) -> {
                  String name = connection.handshake().parameter("name");
                  connection.send(name + " says " + message.text());
                })
            .get("/health", "text/plain", () -> "ok")
            .start()) {
      System.out.println("listening on " + server.addresses());
      server.awaitShutdown();
    }
  }
}
