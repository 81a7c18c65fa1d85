// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What {@code millrace top} shows of one answer: lines that are no longer than the terminal. */
final class TopView {
  private static final int BAR = 24;
  private static final int FEWEST_LOOPS = 4;
  private static final int FEWEST_OF_PATH = 5;
  private static final String ELLIPSIS = "\u2026";

  private final int width;
  private final List<String> lines = new ArrayList<>();

  private TopView(int width) {
    this.width = width;
  }

  /**
   * The lines.
   *
   * @param target what is looked at
   * @param all the answer
   * @param width of the terminal
   * @param height of the terminal; what does not fit is left out at the end
   */
  static List<String> of(String target, TopDocument all, int width, int height) {
    TopView view = new TopView(width);
    view.write(target, all, height);
    return List.copyOf(view.lines.subList(0, Math.min(height, view.lines.size())));
  }

  private void write(String target, TopDocument all, int height) {
    TopDocument total = all.part("total");
    TopDocument now = all.has("recent") ? all.part("recent") : total;
    line(
        "millrace top  %s  engine=%s loops=%d up=%s",
        TerminalText.harmless(target),
        all.text("engine"),
        all.whole("loops"),
        time(total.number("seconds")));
    line("serving %s", String.join(" ", all.texts("addresses")));
    line("");
    line(
        "connections %8s  opened %7s/s  closed %7s/s  refused %6s/s",
        count(all.number("connections")),
        rate(now, now.number("opened")),
        rate(now, now.number("closed")),
        rate(now, now.part("upgrades").sum() - now.part("upgrades").number("accepted")));
    line(
        "received %8s/s %10s/s   sent %8s/s %10s/s",
        rate(now, now.number("messagesReceived")),
        bytes(perSecond(now, now.number("bytesReceived"))),
        rate(now, now.number("messagesSent")),
        bytes(perSecond(now, now.number("bytesSent"))));
    line(
        "system calls %8s/s  ticks %7s/s  events per tick %.1f  busy %.0f%%",
        rate(now, now.number("systemCalls")),
        rate(now, now.part("counters").number("ticks")),
        now.number("eventsPerTick"),
        100 * now.number("busyRatio"));
    TopDocument dropped = now.part("dropped");
    line(
        "queued %8s  refused %7s/s  dropped %7s/s  replaced %7s/s",
        bytes(all.number("queuedBytes")),
        rate(now, dropped.number("refuse")),
        rate(now, dropped.sum() - dropped.number("refuse") - dropped.number("close")),
        rate(now, now.number("replaced")));
    memory(all.number("memoryInUse"), all.number("memoryLimit"), all.number("pinnedBytes"));
    line("");
    line("time        %8s %8s %8s %8s %8s %9s", "p50", "p90", "p99", "p99.9", "max", "samples");
    latency("queue", now.part("queueTime"));
    latency("handler", now.part("handlerTime"));
    latency("round trip", now.part("roundTrip"));
    line("");
    closes(total.part("closes"));
    loops(all.parts("byLoop"), height);
    line("");
    queues(all.parts("deepestQueues"));
    List<String> silent = all.texts("silentLoops");
    if (!silent.isEmpty()) {
      line("not shown, because it does not go on: loop %s", String.join(", ", silent));
    }
  }

  private void line(String format, Object... values) {
    String line = String.format(Locale.ROOT, format, values).stripTrailing();
    lines.add(cut(line, width));
  }

  /** The beginning that fits, by the columns that a terminal takes for it. */
  private static String cut(String line, int width) {
    int columns = 0;
    for (int i = 0; i < line.length(); ) {
      int codePoint = line.codePointAt(i);
      columns += TerminalText.columns(codePoint);
      if (columns > width) {
        return line.substring(0, i);
      }
      i += Character.charCount(codePoint);
    }
    return line;
  }

  private void memory(double inUse, double limit, double pinned) {
    int filled = limit > 0 ? (int) Math.round(Math.min(1, inUse / limit) * BAR) : 0;
    line(
        "memory [%s%s] %s of %s (%.1f%%)  pinned %s",
        "#".repeat(filled),
        ".".repeat(BAR - filled),
        bytes(inUse),
        bytes(limit),
        limit > 0 ? 100 * inUse / limit : 0,
        bytes(pinned));
  }

  private void latency(String name, TopDocument times) {
    line(
        "%-11s %8s %8s %8s %8s %8s %9s",
        name,
        duration(times, "p50"),
        duration(times, "p90"),
        duration(times, "p99"),
        duration(times, "p99.9"),
        duration(times, "max"),
        count(times.number("count")));
  }

  private void closes(TopDocument closes) {
    StringBuilder codes = new StringBuilder("closes     ");
    for (String code : closes.names()) {
      codes.append("  ").append(code).append(' ').append(count(closes.number(code)));
    }
    line("%s", closes.names().isEmpty() ? codes.append("  none") : codes);
  }

  private void loops(List<TopDocument> loops, int height) {
    // As many as leave room for the queues.
    int shown = Math.min(loops.size(), Math.max(FEWEST_LOOPS, (height - lines.size()) / 3));
    for (int i = 0; i < shown; i++) {
      TopDocument loop = loops.get(i);
      line(
          "loop %-3d  connections %8s   queued %9s   pinned %9s   blocked %s",
          i,
          count(loop.number("connections")),
          bytes(loop.number("outboundBytesQueued") + loop.number("backlogBytes")),
          bytes(loop.number("inboundBytesPinned")),
          count(loop.number("blocked")));
    }
    if (shown < loops.size()) {
      line("and %d loops more", loops.size() - shown);
    }
  }

  private void queues(List<TopDocument> queues) {
    line(
        "%-16s %8s %8s %7s %8s  %s",
        "DEEPEST QUEUES", "QUEUED", "MESSAGES", "DROPPED", "PINNED", "PATH, PEER");
    for (TopDocument queue : queues) {
      String numbers =
          String.format(
              Locale.ROOT,
              "%-16s %8s %8s %7s %8s  ",
              queue.text("id"),
              bytes(queue.number("queuedBytes")),
              count(queue.number("queuedMessages")),
              count(queue.number("droppedMessages")),
              bytes(queue.number("pinnedBytes")));
      String peer = queue.text("peer");
      line(
          "%s%s",
          numbers,
          pathAndPeer(
              queue.text("path"),
              peer.isEmpty() ? queue.text("address") : peer,
              width - numbers.length()));
    }
  }

  /** The path gives way: the peer has chosen it. */
  private static String pathAndPeer(String path, String peer, int width) {
    String shown = shortened(peer, width - 1 - FEWEST_OF_PATH);
    return shortened(path, width - 1 - TerminalText.columns(shown)) + ' ' + shown;
  }

  private static String shortened(String text, int width) {
    return TerminalText.columns(text) <= width ? text : cut(text, width - 1) + ELLIPSIS;
  }

  // ---- Numbers, each in eight characters or less.

  private static double perSecond(TopDocument of, double count) {
    double seconds = of.number("seconds");
    return seconds > 0 ? count / seconds : 0;
  }

  private static String rate(TopDocument of, double count) {
    return count(perSecond(of, count));
  }

  static String count(double count) {
    if (count < 10 && count != Math.rint(count)) {
      return String.format(Locale.ROOT, "%.1f", count);
    }
    if (count < 1e6) {
      return String.format(Locale.ROOT, "%,.0f", count);
    }
    return count < 1e9
        ? String.format(Locale.ROOT, "%.2fM", count / 1e6)
        : String.format(Locale.ROOT, "%.2fG", count / 1e9);
  }

  static String bytes(double bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    double value = bytes;
    while (value >= 1000 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    String format = unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s";
    return String.format(Locale.ROOT, format, value, units[unit]);
  }

  private static String duration(TopDocument times, String name) {
    return times.number("count") == 0 ? "-" : duration(times.number(name));
  }

  static String duration(double nanos) {
    if (nanos < 1e3) {
      return String.format(Locale.ROOT, "%.0f ns", nanos);
    }
    if (nanos < 1e6) {
      return String.format(Locale.ROOT, "%.1f us", nanos / 1e3);
    }
    return nanos < 1e9
        ? String.format(Locale.ROOT, "%.1f ms", nanos / 1e6)
        : String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
  }

  private static String time(double seconds) {
    long whole = (long) seconds;
    return String.format("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
  }
}
