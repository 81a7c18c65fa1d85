// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server to measure: one of ours, the floor, or one that somebody else started. */
record Peer(String name, String url, long pid) {
  static final String OURS = "ours";
  static final String FLOOR = "floor";
  static final String NETTY_TUNED = "netty-tuned";
  static final String NETTY_DEFAULT = "netty-default";
  static final String NETTY_NIO = "netty-nio";
  static final String BUN = "bun";
  static final String NODE_WS = "node-ws";

  private static final Set<String> TAKEN =
      Set.of(OURS, FLOOR, NETTY_TUNED, NETTY_DEFAULT, NETTY_NIO, BUN, NODE_WS);

  private static final Pattern FORM =
      Pattern.compile("([A-Za-z0-9._-]+)=(ws://[^,\\s]+),pid=([1-9][0-9]{0,9})");

  /** Reads {@code NAME=URL,pid=PID}. */
  static Peer parse(String text) throws UsageException {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new UsageException(
          "--peer: write it as NAME=ws://HOST:PORT/PATH,pid=PID, not \"" + text + "\"");
    }
    String name = matcher.group(1);
    if (TAKEN.contains(name)) {
      throw new UsageException("--peer: \"" + name + "\" is taken; choose another name");
    }
    return new Peer(name, matcher.group(2), Long.parseLong(matcher.group(3)));
  }
}
