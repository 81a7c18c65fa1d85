// SPDX-License-Identifier: Apache-2.0

/** The seam between the API and its engines, spoken in Java terms. Not for applications. */
@NullMarked
package dev.millrace.internal.spi;

import org.jspecify.annotations.NullMarked;
