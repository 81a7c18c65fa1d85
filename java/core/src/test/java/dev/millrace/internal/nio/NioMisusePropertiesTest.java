// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.misuse.MisuseProperties;

final class NioMisusePropertiesTest extends MisuseProperties {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
