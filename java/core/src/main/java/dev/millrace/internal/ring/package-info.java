// SPDX-License-Identifier: Apache-2.0

/**
 * What the Java half and the core of the native engine write to each other; {@code docs/rings.md}
 * is its contract.
 */
@NullMarked
package dev.millrace.internal.ring;

import org.jspecify.annotations.NullMarked;
