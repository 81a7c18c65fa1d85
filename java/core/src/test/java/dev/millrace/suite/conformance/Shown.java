// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import java.util.List;

/**
 * Something to be shown, and the tests that show it: {@code Suite.method}, or {@code Suite.method
 * text} for those of its invocations whose display name contains the text.
 */
record Shown(String id, String what, List<String> tests) {

  static Shown by(String id, String what, String... tests) {
    return new Shown(id, what, List.of(tests));
  }
}
