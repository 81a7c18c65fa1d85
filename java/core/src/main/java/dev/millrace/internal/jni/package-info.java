// SPDX-License-Identifier: Apache-2.0

/**
 * The Java half of the native engine: loops, their connections and messages, and the library they
 * call.
 */
@NullMarked
package dev.millrace.internal.jni;

import org.jspecify.annotations.NullMarked;
