// SPDX-License-Identifier: Apache-2.0
/** Measures servers against each other and against the floor. */
@NullMarked
package dev.millrace.benchmarks;

import org.jspecify.annotations.NullMarked;
