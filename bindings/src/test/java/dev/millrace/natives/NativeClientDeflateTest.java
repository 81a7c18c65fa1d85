// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.ClientDeflateSuite;
import java.util.List;

final class NativeClientDeflateTest extends ClientDeflateSuite {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }

  @Override
  protected List<Engine> servers() {
    return List.of(Engine.NATIVE, Engine.JAVA);
  }
}
