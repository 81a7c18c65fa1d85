// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.Connection;
import dev.millrace.Handler;
import java.util.Objects;

/**
 * Handles messages that were verified against a schema. Called as {@link Handler#onMessage} is.
 *
 * @param <T> the generated class of the root table
 */
@FunctionalInterface
public interface TypedHandler<T> {

  /**
   * A verified message has arrived.
   *
   * @param connection where it came from
   * @param table reads the message where it lies; valid on this thread until this method returns
   * @throws Exception whatever the application throws; the connection is closed with 1011
   */
  void onMessage(Connection connection, T table) throws Exception;

  /**
   * Puts verification before a typed handler. A message that breaks the schema closes its
   * connection with 1007, a text message with 1003.
   *
   * @param schema what messages must keep to
   * @param handler what takes them
   * @param <T> the generated class of the root table
   * @return a handler for {@link dev.millrace.Server.Builder#route(String, Handler)}
   * @throws UnsupportedOperationException always
   * @implNote Verified messages are not in 0.1.0; this throws {@link
   *     UnsupportedOperationException}.
   */
  static <T> Handler of(Schema<T> schema, TypedHandler<T> handler) {
    Objects.requireNonNull(schema, "schema");
    Objects.requireNonNull(handler, "handler");
    throw Schema.notYet();
  }
}
