// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Engine;
import dev.millrace.Server;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;

/** There is no native library where these tests run. */
class NioFallbackTest {

  private static final class Lines extends Handler {
    private final List<String> lines = new CopyOnWriteArrayList<>();

    @Override
    public void publish(LogRecord line) {
      lines.add(new SimpleFormatter().formatMessage(line));
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @Test
  void autoFallsBackAndSaysWhyInOneLine() throws Exception {
    Logger logger = Logger.getLogger("dev.millrace");
    Lines lines = new Lines();
    logger.addHandler(lines);
    try (Server server =
        Server.builder().engine(Engine.AUTO).listen("ws://127.0.0.1:0").loops(1).start()) {
      assertThat(server.engine()).isEqualTo(Engine.JAVA);
    } finally {
      logger.removeHandler(lines);
    }
    assertThat(lines.lines).singleElement().asString().startsWith("engine=java: the native engine");
    assertThat(lines.lines.get(0)).doesNotContain("\n");
  }
}
