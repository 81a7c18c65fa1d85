// SPDX-License-Identifier: Apache-2.0

/**
 * RFC 6455 as the Java engine reads it: the opening handshake, frame headers, masking, UTF-8 and
 * close bodies. Bytes in, facts out: no I/O, no clock, and no allocation for each frame. What is
 * taken and what is refused equals the rooms {@code native/protocol} and {@code native/simd}.
 */
@NullMarked
package dev.millrace.internal.protocol;

import org.jspecify.annotations.NullMarked;
