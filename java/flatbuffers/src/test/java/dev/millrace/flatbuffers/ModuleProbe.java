// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

/** What another JVM runs, with Millrace on the module path. */
public final class ModuleProbe {
  private ModuleProbe() {}

  /**
   * Says who carries it, and what it has read.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    String module = Schema.class.getModule().getName();
    System.out.println(module + " " + new VersionProbe().apply(Orders.bfbs()));
  }
}
