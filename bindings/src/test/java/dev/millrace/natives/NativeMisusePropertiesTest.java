// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.misuse.MisuseProperties;

final class NativeMisusePropertiesTest extends MisuseProperties {

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
