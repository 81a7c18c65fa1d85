// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * What is reachable on this virtual machine's heap after a full collection, by class: the histogram
 * of {@code jmap -histo:live}.
 */
final class LiveHeap {
  private static final Pattern LINE =
      Pattern.compile(" *\\d+: +(\\d+) +(\\d+) +(\\S+).*", Pattern.MULTILINE);

  private record Instances(long count, long bytes) {}

  private final Map<String, Instances> classes;

  private LiveHeap(Map<String, Instances> classes) {
    this.classes = classes;
  }

  /** Collects, and counts what is left. */
  static LiveHeap now() throws JMException {
    ObjectName commands = new ObjectName("com.sun.management:type=DiagnosticCommand");
    Object[] arguments = {new String[0]};
    String[] signature = {String[].class.getName()};
    String histogram =
        (String)
            ManagementFactory.getPlatformMBeanServer()
                .invoke(commands, "gcClassHistogram", arguments, signature);
    Map<String, Instances> classes = new HashMap<>();
    for (Matcher line = LINE.matcher(histogram); line.find(); ) {
      Instances instances =
          new Instances(Long.parseLong(line.group(1)), Long.parseLong(line.group(2)));
      classes.merge(
          line.group(3), instances, (a, b) -> new Instances(a.count + b.count, a.bytes + b.bytes));
    }
    return new LiveHeap(classes);
  }

  long bytes() {
    return classes.values().stream().mapToLong(Instances::bytes).sum();
  }

  /** The classes with most bytes. */
  @Override
  public String toString() {
    return classes.entrySet().stream()
        .sorted((a, b) -> Long.compare(b.getValue().bytes, a.getValue().bytes))
        .limit(12)
        .map(e -> e.getValue().bytes + " B, " + e.getValue().count + " of " + e.getKey())
        .collect(Collectors.joining("\n  ", "\n  ", ""));
  }
}
