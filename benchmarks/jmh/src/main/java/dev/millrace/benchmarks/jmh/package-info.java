// SPDX-License-Identifier: Apache-2.0

/**
 * Microbenchmarks: what a kernel, a parser, a ring or a call into the core costs by itself, next to
 * plain Java that does the same.
 */
@NullMarked
package dev.millrace.benchmarks.jmh;

import org.jspecify.annotations.NullMarked;
