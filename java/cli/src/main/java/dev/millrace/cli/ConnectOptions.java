// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.Message;
import java.net.URI;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The command line of {@code millrace connect}.
 *
 * @param uri where to
 * @param engine who does the I/O
 * @param kind how lines and files are sent; if empty lines are text, and files what they look like
 * @param files sent first, each as one message
 * @param headers further headers of the request
 * @param subprotocols offered, the preferred first
 * @param compression what is offered
 * @param proxy an HTTP proxy to go through
 * @param redirects how many are followed
 * @param reconnect whether a lost connection is made again
 * @param maxMessageBytes the largest message accepted
 * @param timeout for connecting, and again for each answer of the opening handshake
 * @param waiting how long the peer may be silent after the end of the input
 * @param verbose whether everything is shown that there is to see
 */
record ConnectOptions(
    URI uri,
    Engine engine,
    Optional<Message.Kind> kind,
    List<Path> files,
    Map<String, String> headers,
    List<String> subprotocols,
    Compression compression,
    Optional<URI> proxy,
    int redirects,
    boolean reconnect,
    int maxMessageBytes,
    Duration timeout,
    Optional<Duration> waiting,
    boolean verbose) {
  /** The wait that does not end. */
  static final Duration FOREVER = Duration.ofDays(100_000);

  private static final Duration LONGEST_TIMEOUT = Duration.ofHours(1);

  static ConnectOptions parse(List<String> arguments) throws UsageException {
    return new Parser().parse(arguments.iterator());
  }

  private static final class Parser {
    private final List<URI> uris = new ArrayList<>();
    private Engine engine = Engine.AUTO;
    private Optional<Message.Kind> kind = Optional.empty();
    private final List<Path> files = new ArrayList<>();
    private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    private final List<String> subprotocols = new ArrayList<>();
    private Compression compression = Compression.disabled();
    private Optional<URI> proxy = Optional.empty();
    private int redirects;
    private boolean reconnect;
    private int maxMessageBytes = 16 << 20;
    private Duration timeout = Duration.ofSeconds(10);
    private Optional<Duration> waiting = Optional.empty();
    private boolean verbose;

    ConnectOptions parse(Iterator<String> rest) throws UsageException {
      while (rest.hasNext()) {
        option(rest.next(), rest);
      }
      if (uris.size() != 1) {
        throw new UsageException("connect takes one URI, not " + uris.size());
      }
      return new ConnectOptions(
          uris.get(0),
          engine,
          kind,
          List.copyOf(files),
          headers,
          List.copyOf(subprotocols),
          compression,
          proxy,
          redirects,
          reconnect,
          maxMessageBytes,
          timeout,
          waiting,
          verbose);
    }

    private void option(String name, Iterator<String> rest) throws UsageException {
      switch (name) {
        case "--text" -> kind(Message.Kind.TEXT);
        case "--binary" -> kind(Message.Kind.BINARY);
        case "--reconnect" -> reconnect = true;
        case "--verbose" -> verbose = true;
        case "--engine" -> engine = OptionValues.engine(OptionValues.next(name, rest));
        case "--file" -> files.add(path(OptionValues.next(name, rest)));
        case "--header" -> header(OptionValues.next(name, rest));
        case "--origin" -> header("Origin", OptionValues.next(name, rest));
        case "--subprotocol" -> subprotocols(OptionValues.next(name, rest));
        case "--compression" ->
            compression = OptionValues.compression(OptionValues.next(name, rest));
        case "--proxy" -> proxy = Optional.of(uri(name + " ", OptionValues.next(name, rest)));
        case "--redirects" -> redirects = redirects(OptionValues.next(name, rest));
        case "--max-message" ->
            maxMessageBytes = OptionValues.maxMessageBytes(OptionValues.next(name, rest));
        case "--timeout" -> timeout = timeout(OptionValues.next(name, rest));
        case "--wait" -> waiting = Optional.of(waiting(OptionValues.next(name, rest)));
        default -> {
          if (name.startsWith("-")) {
            throw new UsageException("unknown option " + name);
          }
          uris.add(webSocketUri(name));
        }
      }
    }

    private void kind(Message.Kind kind) throws UsageException {
      if (this.kind.isPresent() && this.kind.get() != kind) {
        throw new UsageException("--text and --binary exclude each other");
      }
      this.kind = Optional.of(kind);
    }

    private void header(String value) throws UsageException {
      int colon = value.indexOf(':');
      if (colon < 1) {
        throw new UsageException("--header is 'Name: value', not " + value);
      }
      header(value.substring(0, colon), value.substring(colon + 1).strip());
    }

    private void header(String name, String value) throws UsageException {
      if (headers.put(name, value) != null) {
        throw new UsageException("header given twice: " + name);
      }
    }

    private void subprotocols(String value) {
      for (String subprotocol : value.split(",", -1)) {
        subprotocols.add(subprotocol.strip());
      }
    }
  }

  private static URI webSocketUri(String value) throws UsageException {
    URI uri = uri("", value);
    String scheme = uri.getScheme();
    if (scheme == null || !List.of("ws", "wss", "ws+unix").contains(scheme.toLowerCase())) {
      throw new UsageException(
          "the URI is ws://HOST:PORT/PATH or ws+unix:///SOCKET:/PATH, not " + value);
    }
    return uri;
  }

  private static URI uri(String what, String value) throws UsageException {
    try {
      return URI.create(value);
    } catch (IllegalArgumentException e) {
      throw new UsageException(what + value + " is no URI: " + e.getMessage());
    }
  }

  private static Path path(String value) throws UsageException {
    try {
      return Path.of(value);
    } catch (InvalidPathException e) {
      throw new UsageException("--file " + value + " is no path: " + e.getMessage());
    }
  }

  private static int redirects(String value) throws UsageException {
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new UsageException("--redirects is a number, not " + value);
    }
  }

  private static Duration timeout(String value) throws UsageException {
    Duration timeout = OptionValues.seconds("--timeout", value);
    if (timeout.isZero() || timeout.compareTo(LONGEST_TIMEOUT) > 0) {
      throw new UsageException(
          "--timeout out of range: seconds=" + value + ", limits=0.001.." + 3600);
    }
    return timeout;
  }

  private static Duration waiting(String value) throws UsageException {
    return value.equals("forever") ? FOREVER : OptionValues.seconds("--wait", value);
  }
}
