// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.StringJoiner;
import java.util.function.ToDoubleFunction;

/** The result as a table for people and as JSON for programs. */
final class Report {
  private static final List<String> HEADINGS =
      List.of(
          "cell",
          "against",
          "ours us/msg",
          "its us/msg",
          "ratio",
          "95 % interval",
          "target",
          "",
          "ours p50/p99 us",
          "its p50/p99 us",
          "ours msg/s",
          "its msg/s");
  private static final int LEFT_COLUMNS = 2;
  private static final double WORTH_A_NOTE = 0.01;

  private Report() {}

  static void print(List<CellResult> results, PrintStream out) {
    List<List<String>> rows = new ArrayList<>(List.of(HEADINGS));
    for (CellResult result : results) {
      for (String other : others(result)) {
        if (!result.ratios(other).isEmpty()) {
          rows.add(row(result, other));
        }
      }
    }
    if (rows.size() > 1) {
      out.print(table(rows));
    }
    for (CellResult result : results) {
      for (String name : result.names()) {
        String fault = result.fault(name);
        if (fault != null) {
          out.println("failed: " + result.cell().title() + ": " + name + ": " + fault);
        }
      }
    }
    compression(results).forEach(out::println);
    notes(results).forEach(out::println);
  }

  /**
   * What each server agreed on, and how long its answers are: who compresses less has less to do.
   */
  private static List<String> compression(List<CellResult> results) {
    Map<String, String> agreed = new LinkedHashMap<>();
    List<String> lengths = new ArrayList<>();
    for (CellResult result : results) {
      StringJoiner line = new StringJoiner(", ");
      for (String name : result.names()) {
        List<Run> runs = result.runs(name);
        Run.Compression compression = runs.isEmpty() ? null : runs.get(0).compression();
        if (compression != null) {
          agreed.put(name, compression.extension());
          line.add(Figures.format("%s %.0f", name, compression.answerBytes()));
        }
      }
      if (line.length() > 0) {
        lengths.add("bytes of an answer: " + result.cell().title() + ": " + line);
      }
    }
    List<String> lines = new ArrayList<>();
    agreed.forEach((name, extension) -> lines.add("agreed on: " + name + ": " + extension));
    lines.addAll(lengths);
    return lines;
  }

  private static List<String> others(CellResult result) {
    return result.names().stream().filter(name -> !name.equals(Peer.OURS)).toList();
  }

  private static List<String> row(CellResult result, String other) {
    List<Double> ratios = result.ratios(other);
    Statistics.Interval interval = Statistics.medianInterval(ratios);
    OptionalDouble target = Targets.of(result, other);
    boolean aimed = target.isPresent();
    return List.of(
        result.cell().title(),
        other,
        Figures.format("%.3f", result.median(Peer.OURS, Run::serverMicros)),
        Figures.format("%.3f", result.median(other, Run::serverMicros)),
        Figures.format("%.3f", Statistics.median(ratios)),
        Figures.format("%.3f - %.3f", interval.low(), interval.high()),
        aimed ? Figures.format("%.3f", target.getAsDouble()) : "-",
        aimed ? Targets.verdict(ratios, target.getAsDouble()) : "",
        latency(result, Peer.OURS),
        latency(result, other),
        Figures.format("%.0f", result.median(Peer.OURS, Run::messagesPerSecond)),
        Figures.format("%.0f", result.median(other, Run::messagesPerSecond)));
  }

  private static String latency(CellResult result, String name) {
    return Figures.format(
        "%.0f / %.0f", result.median(name, Run::p50Micros), result.median(name, Run::p99Micros));
  }

  static String table(List<List<String>> rows) {
    int[] widths = new int[rows.get(0).size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    StringBuilder table = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String padding = " ".repeat(widths[i] - row.get(i).length());
        line.append(i == 0 ? "" : "  ");
        line.append(i < LEFT_COLUMNS ? row.get(i) + padding : padding + row.get(i));
      }
      table.append(line.toString().stripTrailing()).append('\n');
    }
    return table.toString();
  }

  private static List<String> notes(List<CellResult> results) {
    List<String> notes = new ArrayList<>();
    double coverage = 1;
    boolean open = false;
    for (CellResult result : results) {
      if (result.stolenShare() > WORTH_A_NOTE) {
        notes.add(
            Figures.format(
                "note: %s: the host gave %.0f %% of the server's core to others meanwhile",
                result.cell().title(), result.stolenShare() * 100));
      }
      for (String name : others(result)) {
        List<Double> ratios = result.ratios(name);
        if (!ratios.isEmpty()) {
          open |= ratios.size() < Targets.PAIRS && Targets.of(result, name).isPresent();
          coverage = Math.min(coverage, Statistics.medianInterval(ratios).coverage());
        }
      }
    }
    if (coverage < Statistics.WANTED_COVERAGE) {
      notes.add(
          Figures.format(
              "note: so few pairs cover the median with %.1f %% only; --pairs 6 or more gives 95 %%",
              coverage * 100));
    }
    if (open) {
      notes.add("note: open: a target is decided by " + Targets.PAIRS + " pairs or more");
    }
    return notes;
  }

  static Map<String, Object> json(
      BenchOptions options, Machine machine, Map<String, Object> facts, List<CellResult> results) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kind", options.comparison().option());
    json.put("pairs", options.pairs());
    json.put("seconds", options.seconds());
    json.put("warmup_seconds", options.warmupSeconds());
    json.put("java", options.jvm().version());
    json.put("machine", facts);
    json.put("warnings", machine.warnings());
    json.put("cells", results.stream().map(Report::cell).toList());
    return json;
  }

  private static Map<String, Object> cell(CellResult result) {
    Map<String, Object> cell = new LinkedHashMap<>();
    cell.put("cell", result.cell().name());
    cell.put("title", result.cell().title());
    Map<String, Object> servers = new LinkedHashMap<>();
    for (String name : result.names()) {
      Map<String, Object> server = new LinkedHashMap<>();
      server.put("fault", result.fault(name));
      server.put("server_us_per_msg", figures(result, name, Run::serverMicros));
      server.put("msgs_per_s", figures(result, name, Run::messagesPerSecond));
      server.put("p50_us", figures(result, name, Run::p50Micros));
      server.put("p99_us", figures(result, name, Run::p99Micros));
      List<Run> runs = result.runs(name);
      Run.Compression compression = runs.isEmpty() ? null : runs.get(0).compression();
      if (compression != null) {
        server.put("extension", compression.extension());
        server.put("answer_bytes", compression.answerBytes());
      }
      servers.put(name, server);
    }
    cell.put("servers", servers);
    cell.put("stolen_share", result.stolenShare());
    Map<String, Object> against = new LinkedHashMap<>();
    for (String other : others(result)) {
      List<Double> ratios = result.ratios(other);
      if (!ratios.isEmpty()) {
        Map<String, Object> comparison = comparison(ratios);
        Targets.of(result, other).ifPresent(target -> comparison.put("target", target));
        against.put(other, comparison);
      }
    }
    cell.put("against", against);
    return cell;
  }

  private static Map<String, Object> comparison(List<Double> ratios) {
    Statistics.Interval interval = Statistics.medianInterval(ratios);
    Map<String, Object> comparison = new LinkedHashMap<>();
    comparison.put("ratios", ratios);
    comparison.put("median", Statistics.median(ratios));
    comparison.put("low", interval.low());
    comparison.put("high", interval.high());
    comparison.put("coverage", interval.coverage());
    return comparison;
  }

  private static List<Double> figures(
      CellResult result, String name, ToDoubleFunction<Run> figure) {
    return result.runs(name).stream().mapToDouble(figure).boxed().toList();
  }
}
