// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import dev.millrace.Engine;
import dev.millrace.suite.MessageSuite;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The suite with the general-purpose allocator in the place of the size classes. */
final class GeneralAllocatorMessageTest extends MessageSuite {

  @BeforeAll
  static void chooseAllocator() {
    System.setProperty("millrace.allocator", "general");
  }

  @AfterAll
  static void forgetAllocator() {
    System.clearProperty("millrace.allocator");
  }

  @Override
  protected Engine engine() {
    return Engine.NATIVE;
  }
}
