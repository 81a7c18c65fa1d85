// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

/**
 * What a walk follows.
 *
 * @param root of the buffer
 * @param hasIdentifier whether buffers have one
 * @param identifier its four bytes, little-endian
 * @param maxDepth how deep tables may lie in tables
 * @param maxTables how many tables there may be
 * @param checksUtf8 whether strings must be well-formed
 */
record SchemaShape(
    TableShape root,
    boolean hasIdentifier,
    int identifier,
    int maxDepth,
    int maxTables,
    boolean checksUtf8) {}
