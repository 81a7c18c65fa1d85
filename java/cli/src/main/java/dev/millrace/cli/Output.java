// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Message;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.LocalTime;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Where everything is shown: messages on standard output, all else on standard error. Each is
 * written at once and whole, and on a terminal above the line that is being typed. Any thread.
 */
final class Output {
  private static final int LONGEST_TEXT = 16 << 10;
  private static final int LONGEST_DUMP = 64;
  private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

  private final OutputStream out;
  private final OutputStream err;
  private final boolean stamped;
  private final boolean whole;
  private final boolean verbose;
  private @Nullable Terminal terminal;
  private final LineEditor editor = new LineEditor();
  private boolean prompting;

  /**
   * An output.
   *
   * @param out standard output, not buffered
   * @param err standard error, not buffered
   * @param outIsTerminal whether a person reads it
   * @param verbose whether details are shown
   */
  Output(OutputStream out, OutputStream err, boolean outIsTerminal, boolean verbose) {
    this.out = out;
    this.err = err;
    this.stamped = outIsTerminal || verbose;
    this.whole = !outIsTerminal;
    this.verbose = verbose;
  }

  /** Lets a line be typed from {@link #prompt} on. */
  synchronized void attach(Terminal terminal) {
    this.terminal = terminal;
  }

  /** Shows a message, on standard output. */
  void received(Message.Kind kind, ByteBuffer payload) throws IOException {
    byte[] shown = stamped ? stamped('<', kind, payload) : plain(kind, payload);
    synchronized (this) {
      erase();
      try {
        out.write(shown);
      } finally {
        draw();
      }
    }
  }

  // For programs: a line for each text, and binary as it is.
  private static byte[] plain(Message.Kind kind, ByteBuffer payload) {
    int length = payload.remaining();
    byte[] bytes = new byte[kind == Message.Kind.TEXT ? length + 1 : length];
    payload.get(bytes, 0, length);
    if (kind == Message.Kind.TEXT) {
      bytes[length] = '\n';
    }
    return bytes;
  }

  private byte[] stamped(char direction, Message.Kind kind, ByteBuffer payload) {
    boolean text = kind == Message.Kind.TEXT;
    String line =
        direction
            + (text ? " text " : " binary ")
            + time(LocalTime.now())
            + ' '
            + (text ? text(payload) : dump(payload))
            + '\n';
    return line.getBytes(StandardCharsets.UTF_8);
  }

  static String time(LocalTime time) {
    StringBuilder shown = new StringBuilder(12);
    two(shown, time.getHour()).append(':');
    two(shown, time.getMinute()).append(':');
    two(shown, time.getSecond()).append('.');
    int millis = time.getNano() / 1_000_000;
    shown.append(millis / 100);
    return two(shown, millis % 100).toString();
  }

  private static StringBuilder two(StringBuilder shown, int number) {
    return shown.append(number / 10).append(number % 10);
  }

  private String text(ByteBuffer payload) {
    int length = payload.remaining();
    int cut = whole ? length : Math.min(length, LONGEST_TEXT);
    // Not in the middle of a character.
    while (cut < length && cut > 0 && (payload.get(payload.position() + cut) & 0xC0) == 0x80) {
      cut--;
    }
    ByteBuffer shown = payload.slice(payload.position(), cut);
    String text = TerminalText.harmless(StandardCharsets.UTF_8.decode(shown));
    return cut == length ? text : text + " ... (" + length + " bytes)";
  }

  static String dump(ByteBuffer payload) {
    int length = payload.remaining();
    byte[] first = new byte[Math.min(length, LONGEST_DUMP)];
    payload.get(payload.position(), first);
    return length
        + (length == 1 ? " byte" : " bytes")
        + (length == 0 ? "" : ": " + HEX.formatHex(first))
        + (length > first.length ? " ..." : "");
  }

  /** Shows a message that was sent otherwise than by typing it, if details are wanted. */
  void sent(Message.Kind kind, ByteBuffer payload) {
    if (verbose) {
      error(stamped('>', kind, payload));
    }
  }

  /** Tells something about the connection. */
  void note(String text) {
    error(("* " + TerminalText.harmless(text) + '\n').getBytes(StandardCharsets.UTF_8));
  }

  /** As {@link #note}, if details are wanted. */
  void detail(String text) {
    if (verbose) {
      note(text);
    }
  }

  /** Tells what went wrong, as every command does. */
  void problem(String text) {
    error(("millrace: " + TerminalText.harmless(text) + '\n').getBytes(StandardCharsets.UTF_8));
  }

  private synchronized void error(byte[] line) {
    erase();
    writeError(line);
    draw();
  }

  // Nobody can be told.
  private void writeError(byte[] bytes) {
    try {
      err.write(bytes);
    } catch (IOException e) {
      terminal = null;
    }
  }

  /** Shows the line that is being typed, or takes it away. */
  synchronized void prompt(boolean prompting) {
    erase();
    this.prompting = prompting;
    draw();
  }

  /**
   * Takes typed characters.
   *
   * @param typed code points, up to and with the one that completes a line
   * @return what the last of them has come to
   */
  synchronized LineEditor.Result type(int[] typed) {
    LineEditor.Result result = LineEditor.Result.EDITED;
    for (int codePoint : typed) {
      result = editor.type(codePoint);
    }
    if (result == LineEditor.Result.ENTERED) {
      return result;
    }
    erase();
    if (result == LineEditor.Result.CLEAR_SCREEN) {
      writeError("\033[H\033[2J".getBytes(StandardCharsets.US_ASCII));
    }
    draw();
    return result;
  }

  /** The line that was entered; it stays where it was typed. */
  synchronized String entered() {
    erase();
    writeError(editor.entered().getBytes(StandardCharsets.UTF_8));
    String line = editor.take();
    draw();
    return line;
  }

  private void erase() {
    if (terminal != null && prompting) {
      writeError(editor.erase(terminal.width()).getBytes(StandardCharsets.US_ASCII));
    }
  }

  private void draw() {
    if (terminal != null && prompting) {
      writeError(editor.draw(terminal.width()).getBytes(StandardCharsets.UTF_8));
    }
  }
}
