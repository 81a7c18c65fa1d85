// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import java.nio.ByteBuffer;
import java.util.function.Function;

/** Verifies a message by a schema, both as bytes. */
public final class VerifyProbe implements Function<byte[][], String> {
  @Override
  public String apply(byte[][] schemaAndMessage) {
    return Schema.load(schemaAndMessage[0], buffer -> buffer)
        .check(ByteBuffer.wrap(schemaAndMessage[1]))
        .map(Fault::toString)
        .orElse("good");
  }
}
