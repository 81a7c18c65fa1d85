// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import dev.millrace.differential.Exchange.Answers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Runs streams on two targets and finds those that they do not answer alike. */
final class Comparison implements AutoCloseable {
  private static final int BATCH = 64;

  /** How often one script is tried alone: what differs may depend on how its pieces are read. */
  private static final int ATTEMPTS = 6;

  private final List<? extends Target> targets;
  private final Exchange exchange;
  private final Streams source;
  private final Map<Integer, Long> codes = new TreeMap<>();

  private final Judge judge;

  Comparison(Target one, Target other, Streams source, Judge judge) {
    this.source = source;
    this.judge = judge;
    targets = List.of(one, other);
    exchange = new Exchange(targets);
  }

  /** A script that is answered differently, and how. */
  record Difference(Script script, Outcome one, Outcome other) {}

  /** Whether both tell what their handlers saw. */
  boolean isBetweenEngines() {
    return targets.stream().allMatch(Target::tellsEvents);
  }

  /** The connection that the next streams from a seed on share. */
  Script script(long seed, long limit) {
    return Script.of(source, seed, limit);
  }

  /** What a batch has shown. */
  record Result(long streams, List<Difference> differences) {}

  /** Runs the next streams from a seed on, at most {@code limit} of them. */
  Result run(long seed, long limit) throws IOException {
    List<Script> batch = new ArrayList<>(BATCH);
    long streams = 0;
    while (batch.size() < BATCH && streams < limit) {
      Script script = script(seed + streams, limit - streams);
      batch.add(script);
      streams += script.streams();
    }
    Answers answers = exchange.run(batch);
    answers
        .outcomes()
        .get(0)
        .forEach(outcome -> codes.merge(Math.min(outcome.code(), 3000), 1L, Long::sum));
    return isAlike(batch, answers)
        ? new Result(streams, List.of())
        : new Result(streams, search(batch, answers));
  }

  /**
   * How many connections ended with each {@link Outcome#code()}, to see what a run has reached; the
   * codes of applications all count as 3000.
   */
  Map<Integer, Long> codes() {
    return codes;
  }

  private boolean isAlike(List<Script> batch, Answers answers) {
    List<Outcome> ones = answers.outcomes().get(0);
    List<Outcome> others = answers.outcomes().get(1);
    for (int i = 0; i < ones.size(); i++) {
      if (!judge.isAlike(batch.get(i), ones.get(i), others.get(i))) {
        return false;
      }
    }
    return !isBetweenEngines() || isAlike(answers.logs().get(0), answers.logs().get(1));
  }

  private static boolean isAlike(List<byte[]> ones, List<byte[]> others) {
    if (ones.size() != others.size()) {
      return false;
    }
    for (int i = 0; i < ones.size(); i++) {
      if (!Arrays.equals(ones.get(i), others.get(i))) {
        return false;
      }
    }
    return true;
  }

  /** Each script of a batch alone; what only the batch shows is told as it was seen there. */
  private List<Difference> search(List<Script> batch, Answers answers) throws IOException {
    exchange.forget();
    List<Difference> found = new ArrayList<>();
    for (Script script : batch) {
      Difference difference = tryAlone(script, ATTEMPTS);
      if (difference != null) {
        found.add(difference);
      }
    }
    for (int i = 0; i < batch.size() && found.isEmpty(); i++) {
      Outcome one = answers.outcomes().get(0).get(i);
      Outcome other = answers.outcomes().get(1).get(i);
      if (!judge.isAlike(batch.get(i), one, other)) {
        found.add(new Difference(batch.get(i), one, other));
      }
    }
    if (found.isEmpty()) {
      found.add(new Difference(batch.get(0), unmatched(answers, 0), unmatched(answers, 1)));
    }
    return found;
  }

  /** The first log that the other has not. */
  private static Outcome unmatched(Answers answers, int of) {
    List<byte[]> others = answers.logs().get(1 - of);
    for (byte[] log : answers.logs().get(of)) {
      if (others.stream().noneMatch(other -> Arrays.equals(log, other))) {
        return new Outcome(new byte[0], Outcome.End.NONE, log);
      }
    }
    return new Outcome(new byte[0], Outcome.End.NONE, new byte[0]);
  }

  /** Runs one script alone, its pieces read apart at first. */
  @Nullable Difference tryAlone(Script script, int attempts) throws IOException {
    for (int attempt = 0; attempt < attempts; attempt++) {
      Answers answers = exchange.run(List.of(script), attempt % 2 == 0);
      if (!isAlike(List.of(script), answers)) {
        exchange.forget();
        return difference(script, answers);
      }
    }
    return null;
  }

  /** Both outcomes, whether they differ or not. */
  Difference outcomes(Script script) throws IOException {
    return difference(script, exchange.run(List.of(script), true));
  }

  private static Difference difference(Script script, Answers answers) {
    return new Difference(
        script, answers.outcomes().get(0).get(0), answers.outcomes().get(1).get(0));
  }

  /** Leaves out what the difference does not need: pieces, then ever shorter runs of bytes. */
  Difference minimise(Difference found) throws IOException {
    Difference least = found;
    int budget = 400;
    Script whole = new Script(found.script().seed(), 1, found.script().bytes(), new int[0]);
    Difference uncut = tryAlone(whole, 2);
    if (uncut != null) {
      least = uncut;
    }
    int kept = found.script().hasPlainRequest() ? Requests.PLAIN.length : 0;
    for (int run = Math.max(1, least.script().bytes().length / 2); run > 0; run /= 2) {
      for (int from = kept; from + run <= least.script().bytes().length && budget > 0; budget--) {
        Difference shorter = tryAlone(without(least.script(), from, from + run), 2);
        if (shorter == null) {
          from += run;
        } else {
          least = shorter;
        }
      }
    }
    return least;
  }

  private static Script without(Script script, int from, int to) {
    byte[] bytes = script.bytes();
    byte[] left = Arrays.copyOf(bytes, bytes.length - (to - from));
    System.arraycopy(bytes, to, left, from, bytes.length - to);
    int[] cuts =
        Arrays.stream(script.cuts())
            .map(cut -> cut <= from ? cut : Math.max(from, cut - (to - from)))
            .filter(cut -> cut > 0 && cut < left.length)
            .distinct()
            .toArray();
    return new Script(script.seed(), script.streams(), left, cuts);
  }

  String describe(Difference difference) {
    return difference.script().describe()
        + targets.get(0).name()
        + ":\n"
        + difference.one().describe()
        + targets.get(1).name()
        + ":\n"
        + difference.other().describe();
  }

  @Override
  public void close() {
    exchange.close();
    targets.forEach(Target::close);
  }
}
