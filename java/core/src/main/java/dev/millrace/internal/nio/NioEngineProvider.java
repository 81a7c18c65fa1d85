// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.MillraceException;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.internal.spi.EngineProvider;
import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.ServerSpec;
import java.util.Optional;

/** The Java engine, for {@link java.util.ServiceLoader}. It can be used everywhere. */
public final class NioEngineProvider implements EngineProvider {
  /** For the service loader. */
  public NioEngineProvider() {}

  @Override
  public Engine engine() {
    return Engine.JAVA;
  }

  @Override
  public Optional<Throwable> unavailabilityCause() {
    return Optional.empty();
  }

  @Override
  public EngineClient start(ClientSpec spec) throws MillraceException {
    return NioClient.start(spec);
  }

  @Override
  public EngineServer start(ServerSpec spec) throws MillraceException {
    return NioServer.start(spec);
  }
}
