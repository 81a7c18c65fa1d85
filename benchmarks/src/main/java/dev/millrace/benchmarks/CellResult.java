// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * What was measured in one cell, by server. A server whose run failed has a fault and no figures at
 * all: a failed run is never averaged in.
 */
final class CellResult {
  private final Cell cell;
  private final Map<String, List<Run>> runs = new LinkedHashMap<>();
  private final Map<String, String> faults = new LinkedHashMap<>();
  private double stolenShare;

  CellResult(Cell cell, List<String> names) {
    this.cell = cell;
    names.forEach(name -> runs.put(name, new ArrayList<>()));
  }

  Cell cell() {
    return cell;
  }

  List<String> names() {
    return List.copyOf(runs.keySet());
  }

  void add(String name, Run run) {
    runs.getOrDefault(name, List.of()).add(run);
  }

  void fail(String name, String fault) {
    faults.put(name, fault);
  }

  @Nullable String fault(String name) {
    return faults.get(name);
  }

  boolean failed() {
    return !faults.isEmpty();
  }

  List<Run> runs(String name) {
    return faults.containsKey(name) ? List.of() : List.copyOf(runs.getOrDefault(name, List.of()));
  }

  double median(String name, ToDoubleFunction<Run> figure) {
    return Statistics.median(runs(name).stream().mapToDouble(figure).boxed().toList());
  }

  /** Ours to the other's server CPU per message, pair by pair. */
  List<Double> ratios(String other) {
    return ratios(Peer.OURS, other);
  }

  /** One server's CPU per message to another's, pair by pair. */
  List<Double> ratios(String name, String other) {
    List<Run> runs = runs(name);
    List<Run> others = runs(other);
    List<Double> ratios = new ArrayList<>();
    for (int i = 0; i < Math.min(runs.size(), others.size()); i++) {
      ratios.add(runs.get(i).serverMicros() / others.get(i).serverMicros());
    }
    return ratios;
  }

  /** The share of the server's core that the host gave to others while this cell was measured. */
  double stolenShare() {
    return stolenShare;
  }

  void stolenShare(double share) {
    stolenShare = share;
  }
}
