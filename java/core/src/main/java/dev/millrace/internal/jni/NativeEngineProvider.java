// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Engine;
import dev.millrace.EngineUnavailableException;
import dev.millrace.MillraceException;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.internal.spi.EngineProvider;
import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.ServerSpec;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The native engine, for {@link java.util.ServiceLoader}. */
public final class NativeEngineProvider implements EngineProvider {
  /** For the service loader. */
  public NativeEngineProvider() {}

  @Override
  public Engine engine() {
    return Engine.NATIVE;
  }

  @Override
  public Optional<Throwable> unavailabilityCause() {
    return Optional.ofNullable(cause());
  }

  @Override
  public EngineClient start(ClientSpec spec) throws MillraceException {
    requireAvailable();
    return NativeClient.start(spec);
  }

  @Override
  public EngineServer start(ServerSpec spec) throws MillraceException {
    requireAvailable();
    return NativeServer.start(spec);
  }

  private static void requireAvailable() throws EngineUnavailableException {
    EngineUnavailableException cause = cause();
    if (cause != null) {
      throw cause;
    }
  }

  private static @Nullable EngineUnavailableException cause() {
    EngineUnavailableException cause = NativeLibrary.unavailabilityCause();
    return cause != null ? cause : SimdLevel.unavailabilityCause();
  }
}
