// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Connection;
import dev.millrace.Message;
import dev.millrace.SendResult;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A message to send. */
final class Payload {
  private final byte[] bytes;
  private final @Nullable String text;

  private Payload(byte[] bytes, @Nullable String text) {
    this.bytes = bytes;
    this.text = text;
  }

  static Payload text(String text) {
    return new Payload(text.getBytes(StandardCharsets.UTF_8), text);
  }

  static Payload binary(byte[] bytes) {
    return new Payload(bytes, null);
  }

  /**
   * What lies in a file, or in a line that nobody typed.
   *
   * @param what its name, for the message
   * @param kind the kind; if empty, text is what is UTF-8
   */
  static Payload of(String what, byte[] bytes, Optional<Message.Kind> kind) throws UsageException {
    if (kind.isPresent() && kind.get() == Message.Kind.BINARY) {
      return binary(bytes);
    }
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return new Payload(bytes, text);
    } catch (CharacterCodingException e) {
      if (kind.isEmpty()) {
        return binary(bytes);
      }
      throw new UsageException(what + " is not UTF-8, so it cannot be sent as text: see --binary");
    }
  }

  /** A whole file, its kind as of {@link #of}. */
  static Payload file(Path path, Optional<Message.Kind> kind) throws UsageException {
    String name = path.toString();
    try (InputStream in = Files.newInputStream(path)) {
      return all(name, in, kind);
    } catch (NoSuchFileException e) {
      throw new UsageException(name + ": there is no such file");
    } catch (AccessDeniedException e) {
      throw new UsageException(name + ": permission denied");
    } catch (IOException e) {
      throw new UsageException(name + " cannot be read: " + e.getMessage());
    }
  }

  /** All there is to read, its kind as of {@link #of}. */
  static Payload all(String what, InputStream in, Optional<Message.Kind> kind)
      throws IOException, UsageException {
    byte[] bytes = in.readNBytes(OptionValues.MOST_MESSAGE_BYTES + 1);
    if (bytes.length > OptionValues.MOST_MESSAGE_BYTES) {
      throw new UsageException(
          what + " is too long for one message: limit=" + OptionValues.MOST_MESSAGE_BYTES);
    }
    return of(what, bytes, kind);
  }

  Message.Kind kind() {
    return text == null ? Message.Kind.BINARY : Message.Kind.TEXT;
  }

  ByteBuffer bytes() {
    return ByteBuffer.wrap(bytes);
  }

  SendResult sendTo(Connection connection) {
    return text == null ? connection.send(bytes()) : connection.send(text);
  }
}
