// SPDX-License-Identifier: Apache-2.0

/**
 * Typed messages. One binary message is one FlatBuffer, without an envelope: {@link
 * dev.millrace.flatbuffers.FlatBuffers} builds it in the memory that is sent; on the other side
 * {@link dev.millrace.flatbuffers.TypedHandler} verifies it against its {@link
 * dev.millrace.flatbuffers.Schema}, and the generated class reads it in the memory it was received
 * into.
 */
@NullMarked
package dev.millrace.flatbuffers;

import org.jspecify.annotations.NullMarked;
