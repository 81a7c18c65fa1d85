// SPDX-License-Identifier: Apache-2.0
/** The commands behind the launcher; nothing here is API. */
@NullMarked
package dev.millrace.cli;

import org.jspecify.annotations.NullMarked;
