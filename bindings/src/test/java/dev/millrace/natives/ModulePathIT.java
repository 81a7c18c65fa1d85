// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Engine;
import dev.millrace.Server;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The two jars as a modular application meets them: named modules, the library inside its jar. */
class ModulePathIT {
  private static final int NATIVE_ACCESS_OPTION_SINCE = 24;

  /** What the other JVM runs, from the class path, while Millrace lies on the module path. */
  public static final class Probe {
    private Probe() {}

    /**
     * Starts a server and says who carries it, from which module.
     *
     * @param arguments none
     * @throws Exception if the server does not start
     */
    public static void main(String[] arguments) throws Exception {
      try (Server server =
          Server.builder()
              .listen("ws://127.0.0.1:0")
              .route("/", (connection, message) -> connection.send(message))
              .start()) {
        System.out.println(Server.class.getModule().getName() + " " + server.engine());
      }
    }
  }

  @Test
  @Timeout(60)
  void theJarsWorkAsNamedModules() throws Exception {
    String modulePath =
        System.getProperty("millrace.jar")
            + File.pathSeparator
            + System.getProperty("millrace.native.jar");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--module-path", modulePath));
    command.addAll(List.of("--add-modules", "dev.millrace,dev.millrace.natives"));
    if (Runtime.version().feature() >= NATIVE_ACCESS_OPTION_SINCE) {
      command.add("--enable-native-access=dev.millrace");
    }
    Path classes = Path.of(Probe.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    command.addAll(List.of("-cp", classes.toString(), Probe.class.getName()));

    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    try {
      String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      assertTrue(output.endsWith("dev.millrace " + Engine.NATIVE), output); // behind log lines
      assertFalse(output.contains("WARNING"), output);
      assertEquals(0, process.waitFor());
    } finally {
      process.destroyForcibly();
    }
  }
}
