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
  private static final int USUAL_HEIGHT = 24;
  private static final long WIDTH_AGE_NANOS = 200_000_000;
  // Each time, because a shell that suspended and continued this program has made it as it was
  // before.
  private static final String[] SET_AND_TELL_SIZE =
      "-icanon -echo -iexten -ixon icrnl min 1 time 0 size".split(" ");

  private final String saved;
  private boolean closed;
  private int width;
  private int height;
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
    width = size.map(told -> number(told, 1)).filter(n -> n > 0).orElse(USUAL_WIDTH);
    height = size.map(told -> number(told, 0)).filter(n -> n > 0).orElse(USUAL_HEIGHT);
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

  /** How many rows it has, as of the last look at {@link #width}. */
  synchronized int height() {
    return height;
  }

  /** Of rows and columns. */
  private static int number(String size, int index) {
    String[] numbers = size.split(" ");
    try {
      return numbers.length == 2 ? Integer.parseInt(numbers[index]) : 0;
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
