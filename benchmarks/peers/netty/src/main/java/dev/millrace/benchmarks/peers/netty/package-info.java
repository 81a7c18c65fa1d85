// SPDX-License-Identifier: Apache-2.0
/** An echo server on Netty, as its examples write it and as an expert would, to measure against. */
@NullMarked
package dev.millrace.benchmarks.peers.netty;

import org.jspecify.annotations.NullMarked;
