// SPDX-License-Identifier: Apache-2.0

/** The statistics of servers and clients as meters of Micrometer. */
@NullMarked
package dev.millrace.micrometer;

import org.jspecify.annotations.NullMarked;
