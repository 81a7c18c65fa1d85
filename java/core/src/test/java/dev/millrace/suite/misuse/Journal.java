// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * What was played since the last time that nothing was left behind, and what the engines have
 * logged: for a failure that no sequence shows by itself. Nothing of it is shown while all is well.
 */
final class Journal extends Handler {
  /** The message of what {@link Arguments} throws, which the engines log as they should. */
  static final String PLANTED = "planted";

  private static final int MOST_RECORDS = 100;
  private static final int MOST_LINES = 30;

  private final Logger logger;
  private final Level levelBefore;
  private final boolean parentsBefore;
  private final Consumer<Throwable> onError;
  private final List<List<Step>> sequences = new ArrayList<>();
  private final List<String> records = new ArrayList<>();

  /** Reads the log until it is closed; {@code onError} is told what an engine should not log. */
  Journal(String loggerName, Consumer<Throwable> onError) {
    logger = Logger.getLogger(loggerName);
    levelBefore = logger.getLevel();
    parentsBefore = logger.getUseParentHandlers();
    this.onError = onError;
    logger.setUseParentHandlers(false);
    logger.setLevel(Level.WARNING);
    logger.addHandler(this);
  }

  @Override
  public void publish(LogRecord record) {
    Throwable thrown = record.getThrown();
    if (thrown != null && PLANTED.equals(thrown.getMessage())) {
      return;
    }
    StringWriter text = new StringWriter();
    try (PrintWriter to = new PrintWriter(text)) {
      to.println(record.getLevel() + " " + record.getMessage());
      if (thrown != null) {
        thrown.printStackTrace(to);
      }
    }
    synchronized (records) {
      if (records.size() < MOST_RECORDS) {
        records.add(text.toString().lines().limit(MOST_LINES).collect(joining("\n", "", "\n")));
      }
    }
    if (record.getLevel().intValue() >= Level.SEVERE.intValue()) {
      onError.accept(new AssertionError("logged: " + record.getMessage(), thrown));
    }
  }

  @Override
  public void flush() {}

  @Override
  public void close() {
    logger.removeHandler(this);
    logger.setLevel(levelBefore);
    logger.setUseParentHandlers(parentsBefore);
  }

  void played(List<Step> steps) {
    sequences.add(steps);
  }

  /** Whatever comes was not caused by what was played so far. */
  void forget() {
    sequences.clear();
  }

  /** What happened, in short; all sequences that may have caused it are in the file. */
  String tell(Path file) {
    String what;
    try {
      Files.createDirectories(file.getParent());
      Files.write(file, sequences.stream().map(Object::toString).toList());
      what = sequences.size() + " sequences since nothing was left behind, in " + file;
    } catch (IOException e) {
      what = sequences.size() + " sequences that could not be written: " + e;
    }
    synchronized (records) {
      return what + "\nlogged: " + (records.isEmpty() ? "nothing" : String.join("", records));
    }
  }
}
