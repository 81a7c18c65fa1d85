// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The terminal behind standard input, while it gives each key as it is typed and shows none by
 * itself. Signals are left to it: Ctrl-C interrupts, Ctrl-Z suspends.
 */
final class Terminal implements AutoCloseable {
  // Written by the launcher: a JVM cannot tell before JDK 22.
  private static final String DESCRIPTORS = System.getProperty("millrace.terminal", "");

  private static final int USUAL_WIDTH = 80;
  private static final long WIDTH_AGE_NANOS = 200_000_000;
  // Each time, because a shell that suspended and continued this program has made it as it was
  // before.
  private static final String[] SET_AND_TELL_SIZE =
      "-icanon -echo -iexten -ixon icrnl min 1 time 0 size".split(" ");

  private final String saved;
  private boolean closed;
  private int width;
  private long widthTaken;

  private Terminal(String saved) {
    this.saved = saved;
  }

  /** Whether a descriptor (0, 1 or 2) is a terminal. */
  static boolean is(int descriptor) {
    return DESCRIPTORS.indexOf('0' + descriptor) >= 0;
  }

  /** The terminal, if there is one and {@code stty} can set it. */
  static Optional<Terminal> open() {
    Optional<String> saved = stty("-g");
    if (saved.isEmpty()) {
      return Optional.empty();
    }
    Terminal terminal = new Terminal(saved.get());
    return terminal.set() ? Optional.of(terminal) : Optional.empty();
  }

  private boolean set() {
    Optional<String> size = stty(SET_AND_TELL_SIZE);
    width = size.map(Terminal::columns).filter(n -> n > 0).orElse(USUAL_WIDTH);
    widthTaken = System.nanoTime();
    return size.isPresent();
  }

  /** How many columns it has; looked at five times a second at most. */
  synchronized int width() {
    if (!closed && System.nanoTime() - widthTaken > WIDTH_AGE_NANOS) {
      set();
    }
    return width;
  }

  private static int columns(String size) {
    String[] numbers = size.split(" ");
    try {
      return numbers.length == 2 ? Integer.parseInt(numbers[1]) : 0;
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  /** Makes it as it was. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      stty(saved);
    }
  }

  private static Optional<String> stty(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add("stty");
    command.addAll(List.of(arguments));
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectInput(Redirect.INHERIT)
              .redirectError(Redirect.DISCARD)
              .start();
      String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      return process.waitFor() == 0 ? Optional.of(output.strip()) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }
}
