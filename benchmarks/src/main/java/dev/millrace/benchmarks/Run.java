// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One measurement of one server.
 *
 * @param serverMicros server CPU per message, the figure to compare
 * @param compression what was agreed on and how long an answer is on the wire; null without
 */
record Run(
    double serverMicros,
    double messagesPerSecond,
    double p50Micros,
    double p99Micros,
    @Nullable Compression compression,
    Map<String, String> raw) {

  /**
   * @param extension the value of {@code Sec-WebSocket-Extensions} in the response
   * @param answerBytes mean length of an answer's payload, compressed
   */
  record Compression(String extension, double answerBytes) {}

  // A closed loop keeps the server busy; a process that idles is not the one that answers.
  private static final double MIN_UTILISATION = 0.01;

  /** Reads the line that the load generator printed; throws when its figures may not be used. */
  static Run of(@Nullable Map<String, String> line, int status) throws BenchException {
    if (line == null) {
      throw new BenchException("no result from the load generator, status " + status);
    }
    double bad = number(line, "bad");
    double closed = number(line, "closed");
    if (bad > 0 || closed > 0) {
      throw new BenchException(
          Figures.format("%.0f bad answers, %.0f connections closed", bad, closed));
    }
    if (status != 0) {
      throw new BenchException("the load generator ended with status " + status);
    }
    if (number(line, "msgs") == 0) {
      throw new BenchException("no message came back");
    }
    if (!line.containsKey("server_us_per_msg")) {
      throw new BenchException("its CPU cannot be read from /proc; is the pid right?");
    }
    if (number(line, "server_util") < MIN_UTILISATION) {
      throw new BenchException("its process uses no CPU; give the pid of the one that answers");
    }
    return new Run(
        number(line, "server_us_per_msg"),
        number(line, "msgs_per_s"),
        number(line, "p50_us"),
        number(line, "p99_us"),
        compression(line),
        line);
  }

  /** Who agrees on compression and leaves it out has done less than the others. */
  private static @Nullable Compression compression(Map<String, String> line) throws BenchException {
    String extension = line.get("extensions");
    if (extension == null) {
      return null;
    }
    double uncompressed = number(line, "uncompressed");
    double answerBytes = number(line, "answer_bytes");
    if (uncompressed > 0) {
      throw new BenchException(Figures.format("%.0f answers were not compressed", uncompressed));
    }
    if (answerBytes >= number(line, "size")) {
      throw new BenchException(
          Figures.format("its compressed answers are no shorter: %.0f bytes", answerBytes));
    }
    return new Compression(extension, answerBytes);
  }

  /** How many answers were compared byte by byte. */
  double verified() throws BenchException {
    return number(raw, "verified");
  }

  private static double number(Map<String, String> line, String name) throws BenchException {
    String text = line.get(name);
    if (text == null) {
      throw new BenchException("the load generator's result has no " + name + "; rebuild it");
    }
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new BenchException("the load generator's " + name + " is no number: " + text);
    }
  }
}
