// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

/** The command line asks for something that does not exist; status 2. */
final class UsageException extends Exception {
  private static final long serialVersionUID = 1L;

  UsageException(String message) {
    super(message);
  }
}
