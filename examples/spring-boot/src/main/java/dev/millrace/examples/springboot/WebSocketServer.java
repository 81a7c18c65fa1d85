// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.springboot;

import dev.millrace.MillraceException;
import dev.millrace.Server;
import dev.millrace.TrustedProxies;
import java.time.Duration;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;

@Component
class WebSocketServer implements SmartLifecycle {

  private final String address;
  private Server server;

  WebSocketServer(@Value("${websocket.address:ws://127.0.0.1:9001}") String address) {
    this.address = address;
  }

  @Override
  public void start() {
    try {
      server =
          Server.builder()
              .listen(address)
              .trustProxies(TrustedProxies.of("127.0.0.1").withXForwarded())
              .route("/ws", (connection, message) -> connection.send(message))
              .start();
    } catch (MillraceException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  @Override
  public void stop() {
    server.shutdown(Duration.ofSeconds(10));
    server = null;
  }

  @Override
  public boolean isRunning() {
    return server != null;
  }
}
