// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.EngineClient;
import dev.millrace.internal.spi.EngineProvider;
import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.ServerSpec;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EnginesTest {

  private static final Throwable NO_LIBRARY = new UnsatisfiedLinkError("no library for plan9");
  private static final EngineProvider NATIVE = provider(Engine.NATIVE, null);
  private static final EngineProvider BROKEN_NATIVE = provider(Engine.NATIVE, NO_LIBRARY);
  private static final EngineProvider JAVA = provider(Engine.JAVA, null);

  private static EngineProvider provider(Engine engine, Throwable cause) {
    return new EngineProvider() {
      @Override
      public Engine engine() {
        return engine;
      }

      @Override
      public Optional<Throwable> unavailabilityCause() {
        return Optional.ofNullable(cause);
      }

      @Override
      public EngineServer start(ServerSpec spec) {
        throw new AssertionError("only chosen here, not started");
      }

      @Override
      public EngineClient start(ClientSpec spec) {
        throw new AssertionError("only chosen here, not started");
      }
    };
  }

  private static EngineUnavailableException refused(Engine wanted, EngineProvider... installed) {
    return catchThrowableOfType(
        EngineUnavailableException.class, () -> Engines.choose(wanted, List.of(installed)));
  }

  @Test
  void autoPrefersTheNativeEngine() throws Exception {
    assertThat(Engines.choose(Engine.AUTO, List.of(JAVA, NATIVE)).provider()).isSameAs(NATIVE);
    assertThat(Engines.choose(Engine.NATIVE, List.of(JAVA, NATIVE)).provider()).isSameAs(NATIVE);
    assertThat(Engines.choose(Engine.JAVA, List.of(NATIVE, JAVA)).provider()).isSameAs(JAVA);
  }

  @Test
  void autoFallsBackToTheJavaEngine() throws Exception {
    assertThat(Engines.choose(Engine.AUTO, List.of(BROKEN_NATIVE, JAVA)).provider()).isSameAs(JAVA);
    assertThat(Engines.choose(Engine.AUTO, List.of(JAVA)).provider()).isSameAs(JAVA);
  }

  @Test
  void whatIsAskedForIsNeverReplaced() {
    EngineUnavailableException e = refused(Engine.NATIVE, BROKEN_NATIVE, JAVA);

    assertThat(e.engine()).isEqualTo(Engine.NATIVE);
    assertThat(e).hasMessage("the native engine cannot be used: no library for plan9");
    assertThat(e).hasCause(NO_LIBRARY);
    assertThat(refused(Engine.JAVA, NATIVE)).hasMessageContaining("META-INF/services");
  }

  @Test
  void autoWithoutAFallbackTellsWhyTheNativeEngineIsMissing() {
    assertThat(refused(Engine.AUTO, BROKEN_NATIVE)).hasCause(NO_LIBRARY);
    assertThat(refused(Engine.AUTO)).hasMessageContaining("add millrace-native");
  }
}
