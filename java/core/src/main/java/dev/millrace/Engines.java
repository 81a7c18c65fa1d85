// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.EngineProvider;
import dev.millrace.internal.spi.MemoryShares;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** Chooses the engine of a server. */
final class Engines {

  private static final Logger LOGGER = System.getLogger("dev.millrace");

  // A broken entry in META-INF/services must not make the search endless.
  private static final int MAX_PROVIDERS = 16;

  private static final String WITHOUT_SERVICES =
      "the Java engine is not found; keep the file META-INF/services/"
          + EngineProvider.class.getName()
          + " of the jar, whole";

  private Engines() {}

  /** An engine, and why it is the one. */
  record Choice(EngineProvider provider, String why) {

    /** Logs which engine runs, and why, and how the memory is shared out, in one line. */
    void announce(MemoryShares shares) {
      String name = provider.engine().name().toLowerCase(Locale.ROOT);
      LOGGER.log(Level.INFO, "engine={0}: {1}; memory: {2}", name, why, shares);
    }
  }

  /** The engine for a server. */
  static Choice choose(Engine wanted) throws EngineUnavailableException {
    return choose(wanted, installed());
  }

  static Choice choose(Engine wanted, List<EngineProvider> installed)
      throws EngineUnavailableException {
    Throwable nativeCause = null;
    if (wanted != Engine.JAVA) {
      Optional<EngineProvider> found = find(installed, Engine.NATIVE);
      nativeCause = found.isEmpty() ? null : found.get().unavailabilityCause().orElse(null);
      if (found.isPresent() && nativeCause == null) {
        return new Choice(
            found.get(), wanted == Engine.NATIVE ? "it was asked for" : "it loads here");
      }
    }
    String why = whyNotNative(nativeCause);
    if (wanted == Engine.NATIVE) {
      throw new EngineUnavailableException(wanted, why, nativeCause);
    }
    Optional<EngineProvider> found = find(installed, Engine.JAVA);
    if (found.isPresent() && found.get().unavailabilityCause().isEmpty()) {
      return new Choice(found.get(), wanted == Engine.JAVA ? "it was asked for" : why);
    }
    throw wanted == Engine.JAVA
        ? new EngineUnavailableException(wanted, WITHOUT_SERVICES, null)
        : new EngineUnavailableException(wanted, why, nativeCause);
  }

  private static String whyNotNative(@Nullable Throwable cause) {
    if (cause == null) {
      return "no native engine is installed; add millrace-native to the class path or module path";
    }
    String sentence = cause.getMessage();
    return cause instanceof MillraceException && sentence != null
        ? sentence
        : "the native engine cannot be used: " + (sentence == null ? cause : sentence);
  }

  private static Optional<EngineProvider> find(List<EngineProvider> installed, Engine engine) {
    return installed.stream().filter(provider -> provider.engine() == engine).findFirst();
  }

  private static List<EngineProvider> installed() {
    ClassLoader loader = Server.class.getClassLoader();
    Iterator<EngineProvider> providers =
        ServiceLoader.load(EngineProvider.class, loader).iterator();
    List<EngineProvider> installed = new ArrayList<>();
    for (int i = 0; i < MAX_PROVIDERS; i++) {
      try {
        if (!providers.hasNext()) {
          break;
        }
        installed.add(providers.next());
      } catch (ServiceConfigurationError e) {
        LOGGER.log(Level.WARNING, "an installed engine is broken and left out", e);
      }
    }
    return installed;
  }
}
