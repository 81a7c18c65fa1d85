// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Connection;
import dev.millrace.Message;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.IntStream;

/** Obeys a person at a terminal, until the end of the input. */
final class Typing {
  private final Session session;
  private final Output output;
  private final Pings pings;
  private final Optional<Message.Kind> kind;

  Typing(Session session, Output output, Pings pings, Optional<Message.Kind> kind) {
    this.session = session;
    this.output = output;
    this.pings = pings;
    this.kind = kind;
  }

  /** Reads keys: the terminal gives each as it is typed. */
  void keys(InputStream in) throws IOException, InterruptedException {
    Reader reader = new InputStreamReader(in, StandardCharsets.UTF_8);
    IntStream.Builder typed = IntStream.builder();
    for (int c = reader.read(); c >= 0; c = reader.read()) {
      if (Character.isHighSurrogate((char) c)) {
        c = Character.toCodePoint((char) c, (char) reader.read());
      }
      typed.add(c);
      // What was pasted is shown at once, and not once for each character.
      if (c >= ' ' && reader.ready()) {
        continue;
      }
      LineEditor.Result result = output.type(typed.build().toArray());
      typed = IntStream.builder();
      if (result == LineEditor.Result.ENTERED) {
        obey(output.entered());
      } else if (result == LineEditor.Result.ENDED) {
        return;
      }
    }
  }

  /** Reads lines: what edits them is the terminal. */
  void lines(InputStream in) throws IOException, InterruptedException {
    LineReader reader = new LineReader(in, OptionValues.MOST_MESSAGE_BYTES);
    for (byte[] line = reader.next(); line != null; line = reader.next()) {
      obey(new String(line, StandardCharsets.UTF_8));
    }
  }

  private void obey(String line) throws InterruptedException {
    try {
      obey(Input.parse(line));
    } catch (UsageException | IllegalArgumentException e) {
      output.problem(String.valueOf(e.getMessage()));
    }
  }

  private void obey(Input input) throws UsageException, InterruptedException {
    if (input instanceof Input.Line line) {
      send(
          kind.isPresent() && kind.get() == Message.Kind.BINARY
              ? Payload.binary(line.text().getBytes(StandardCharsets.UTF_8))
              : Payload.text(line.text()));
    } else if (input instanceof Input.Text text) {
      send(Payload.text(text.text()));
    } else if (input instanceof Input.Binary binary) {
      send(Payload.binary(binary.bytes()));
    } else if (input instanceof Input.File file) {
      send(Payload.file(Path.of(file.path()), kind));
    } else if (input instanceof Input.Close close) {
      session.leave(close.code(), close.reason());
    } else if (input instanceof Input.Ping) {
      ping();
    } else if (input instanceof Input.Help) {
      Input.HELP.lines().forEach(output::note);
    }
  }

  // A person is not kept waiting for another connection.
  private void send(Payload payload) throws InterruptedException {
    if (session.connection().isEmpty()) {
      output.problem("not connected, nothing was sent");
    } else {
      session.send(payload);
    }
  }

  private void ping() {
    Optional<Connection> connection = session.connection();
    if (connection.isEmpty()) {
      output.problem("not connected, no ping was sent");
    } else {
      pings.send(connection.get());
    }
  }
}
