// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.RequestHead;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the headers of a request say of its way, from its last proxy back. What lies further back
 * than somebody asks is not looked at: whoever is not trusted may have written it.
 */
interface ForwardedChain {

  /**
   * What the next proxy says, further from us.
   *
   * @return null when there is nothing more
   * @throws Provenance.MalformedException if its line cannot be read
   */
  @Nullable Hop previous() throws Provenance.MalformedException;

  /** The chain of a request, in the headers that its proxies write. */
  static ForwardedChain of(RequestHead head, TrustedProxies.Headers headers) {
    return switch (headers) {
      case NONE -> () -> null;
      case FORWARDED -> new Standard(head.headers("Forwarded"));
      case X_FORWARDED -> new Customary(head);
    };
  }

  /**
   * RFC 7239. Lines are elements of one list (RFC 9110 5.3), and are read when it is their turn.
   */
  final class Standard implements ForwardedChain {
    private final List<String> lines;
    private int line;
    private List<Hop> hops = List.of();
    private int next;

    Standard(List<String> lines) {
      this.lines = lines;
      line = lines.size();
    }

    @Override
    public @Nullable Hop previous() throws Provenance.MalformedException {
      while (next == 0 && line > 0) {
        hops = ForwardedLine.parse(lines.get(--line));
        next = hops.size();
      }
      return next == 0 ? null : hops.get(--next);
    }
  }

  /**
   * {@code X-Forwarded-For} and its companions. A proxy that adds to one of them adds to all or
   * sets them anew, so that the n-th values from the right belong together; one value stands for
   * all.
   */
  final class Customary implements ForwardedChain {
    private final FromTheRight sources;
    private final FromTheRight schemes;
    private final FromTheRight hosts;
    private @Nullable String scheme;
    private @Nullable String host;
    private boolean hasBegun;

    Customary(RequestHead head) {
      sources = new FromTheRight(head.headers("X-Forwarded-For"));
      schemes = new FromTheRight(head.headers("X-Forwarded-Proto"));
      hosts = new FromTheRight(head.headers("X-Forwarded-Host"));
    }

    @Override
    public @Nullable Hop previous() {
      String source = sources.previous();
      if (source == null && hasBegun) {
        return null;
      }
      hasBegun = true;
      scheme = orBefore(schemes.previous(), scheme);
      host = orBefore(hosts.previous(), host);
      return new Hop(source == null ? null : Hop.address(source), scheme, host);
    }

    private static @Nullable String orBefore(@Nullable String value, @Nullable String before) {
      return value == null ? before : value;
    }
  }

  /** The values of a header of lists, the last first. */
  final class FromTheRight {
    private final List<String> lines;
    private int line;
    private int end = -1;

    FromTheRight(List<String> lines) {
      this.lines = lines;
      line = lines.size();
    }

    /** The next value that is not empty, null when there is none. */
    @Nullable String previous() {
      while (true) {
        if (end < 0) {
          if (line == 0) {
            return null;
          }
          end = lines.get(--line).length();
        }
        String text = lines.get(line);
        int comma = text.lastIndexOf(',', end - 1);
        String value = text.substring(comma + 1, end).strip();
        end = comma;
        if (!value.isEmpty()) {
          return value;
        }
      }
    }
  }
}
