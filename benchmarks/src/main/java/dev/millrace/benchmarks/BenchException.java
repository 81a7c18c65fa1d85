// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

/** A run could not be done, or its figures may not be used; the message names thing and remedy. */
final class BenchException extends Exception {
  private static final long serialVersionUID = 1L;

  BenchException(String message) {
    super(message);
  }
}
