// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * The command line of {@code millrace top}.
 *
 * @param target what the user has named: the path of an administration socket
 * @param uri where that is
 * @param interval between two looks
 * @param once whether one look is enough
 * @param json whether documents are printed as they come
 */
record TopOptions(String target, URI uri, Duration interval, boolean once, boolean json) {
  private static final String ROUTE = ":/statistics";
  private static final Duration SHORTEST = Duration.ofMillis(100);
  private static final Duration LONGEST = Duration.ofHours(1);

  static TopOptions parse(List<String> arguments) throws UsageException {
    Optional<String> target = Optional.empty();
    Duration interval = Duration.ofSeconds(1);
    boolean once = false;
    boolean json = false;
    Iterator<String> rest = arguments.iterator();
    while (rest.hasNext()) {
      String name = rest.next();
      switch (name) {
        case "--interval" -> interval = interval(OptionValues.next(name, rest));
        case "--once" -> once = true;
        case "--json" -> json = true;
        default -> {
          if (name.startsWith("-")) {
            throw new UsageException("unknown option " + name);
          }
          if (target.isPresent()) {
            throw new UsageException("top takes one target, not " + target.get() + " and " + name);
          }
          target = Optional.of(name);
        }
      }
    }
    String named =
        target.orElseThrow(
            () -> new UsageException("top needs the path of a server's administration socket"));
    return new TopOptions(named, uri(named), interval, once, json);
  }

  private static URI uri(String target) throws UsageException {
    if (target.isEmpty()) {
      throw new UsageException("top needs the path of an administration socket, not an empty one");
    }
    String path = target.startsWith("ws+unix://") ? target.substring(10) : target;
    if (path.endsWith(ROUTE)) {
      path = path.substring(0, path.length() - ROUTE.length());
    }
    try {
      Path file = Path.of(path).toAbsolutePath();
      return URI.create("ws+unix://" + file.toUri().getRawPath() + ROUTE);
    } catch (IllegalArgumentException e) {
      throw new UsageException(target + " is no path: " + e.getMessage());
    }
  }

  private static Duration interval(String value) throws UsageException {
    Duration interval = OptionValues.seconds("--interval", value);
    if (interval.compareTo(SHORTEST) < 0 || interval.compareTo(LONGEST) > 0) {
      throw new UsageException(
          "--interval out of range: seconds=" + value + ", limits=0.1.." + LONGEST.toSeconds());
    }
    return interval;
  }
}
