// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Engine;
import dev.millrace.suite.fault.LinkCutSuite;

final class NioLinkCutTest extends LinkCutSuite {
  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }
}
