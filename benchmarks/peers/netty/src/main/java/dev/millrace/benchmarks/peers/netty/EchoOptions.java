// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import java.util.Iterator;
import java.util.List;

/**
 * The command line.
 *
 * @param tuned whether an expert set it up, or it is what Netty's examples do
 * @param port where to listen on the loopback address; 0 takes any free port
 */
record EchoOptions(boolean help, boolean tuned, Transport transport, int port) {
  static final String USAGE =
      """
      usage: EchoServer --tuned | --default [option ...]
        --tuned               epoll, and everything an expert would set
        --default             NIO and the settings of Netty's examples
        --transport epoll|nio another transport for either of them
        --port N              0 to 65535; 0 takes any free port (0)
        --help                this text
      It answers every message on 127.0.0.1 with the same bytes and kind, and prints a line
      "listening URL" when it is ready.
      """;

  private static final int MOST_PORT = 65_535;

  static EchoOptions parse(List<String> arguments) throws UsageException {
    boolean help = false;
    Boolean tuned = null;
    Transport transport = null;
    int port = 0;
    Iterator<String> rest = arguments.iterator();
    while (rest.hasNext()) {
      String name = rest.next();
      switch (name) {
        case "--help" -> help = true;
        case "--tuned", "--default" -> {
          if (tuned != null) {
            throw new UsageException(name + ": only one of --tuned and --default, once");
          }
          tuned = name.equals("--tuned");
        }
        case "--transport" -> transport = transport(value(name, rest));
        case "--port" -> port = port(value(name, rest));
        default -> throw new UsageException("unknown option " + name + "; --help lists them");
      }
    }
    if (tuned == null) {
      if (!help) {
        throw new UsageException("one of --tuned and --default is needed; --help explains them");
      }
      tuned = false;
    }
    if (transport == null) {
      transport = tuned ? Transport.EPOLL : Transport.NIO;
    }
    return new EchoOptions(help, tuned, transport, port);
  }

  private static String value(String name, Iterator<String> rest) throws UsageException {
    if (!rest.hasNext()) {
      throw new UsageException(name + " wants a value; --help shows it");
    }
    return rest.next();
  }

  private static Transport transport(String value) throws UsageException {
    return switch (value) {
      case "epoll" -> Transport.EPOLL;
      case "nio" -> Transport.NIO;
      default -> throw new UsageException("--transport is epoll or nio, not \"" + value + "\"");
    };
  }

  private static int port(String value) throws UsageException {
    int port = value.matches("[0-9]{1,5}") ? Integer.parseInt(value) : -1;
    if (port < 0 || port > MOST_PORT) {
      throw new UsageException(
          "--port wants a number from 0 to " + MOST_PORT + ", not \"" + value + "\"");
    }
    return port;
  }
}
