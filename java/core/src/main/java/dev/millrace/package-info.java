// SPDX-License-Identifier: Apache-2.0

/**
 * Everything a WebSocket application needs: {@link dev.millrace.Server}, {@link
 * dev.millrace.Handler}, {@link dev.millrace.Connection}, {@link dev.millrace.Message}.
 *
 * <p>Three rules hold throughout. Handlers run on the loop thread of their connection and must not
 * block. Any thread may call any method of a {@link dev.millrace.Connection}, except where the
 * method says otherwise. A slow or vanished peer is a value ({@link dev.millrace.SendResult},
 * {@link dev.millrace.CloseReason}), never an exception; exceptions are for mistakes of the caller
 * and for start-up.
 *
 * <p>A null argument is a {@link NullPointerException} before anything has happened, unless its
 * parameter is {@code @Nullable}.
 */
@NullMarked
package dev.millrace;

import org.jspecify.annotations.NullMarked;
