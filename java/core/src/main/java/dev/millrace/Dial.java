// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.Admission;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.ClientHandshake;
import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.DeflateOffer;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.LogText;
import dev.millrace.internal.spi.ResponseHead;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One attempt at a connection: name, sockets, proxy, opening handshake, and as many redirects as
 * are followed. Loop thread only.
 *
 * <pre>
 *   names -> race of addresses -> [CONNECT ->] request -> judge -> open
 *     ^_______________________redirect___________________|
 * </pre>
 */
final class Dial implements Race.Listener {

  /** Is told once how it came out, unless it was cancelled. */
  interface Outcome {

    void onOpened(Connection connection);

    void onFailed(Throwable failure);
  }

  private static final String EXTENSIONS = "Sec-WebSocket-Extensions";
  private static final int MAX_REQUEST_BYTES = 64 << 10;
  private static final int MAX_RETRY_AFTER_DIGITS = 9;
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);

  private final Dialer dialer;
  private final ClientLoop loop;
  private final Handler handler;
  private final Outcome outcome;
  private final List<String> subprotocols;
  private Target target;
  private Map<String, String> headers;
  private int redirects;
  private @Nullable ScheduledTask deadline;
  private @Nullable Race race;
  private @Nullable ClientHandshake handshake;
  private @Nullable DeflateOffer offer;
  private boolean tunnelling;
  private String asked = "";
  private boolean over;

  Dial(Dialer dialer, ClientLoop loop, ConnectRequest request, Handler handler, Outcome outcome) {
    this.dialer = dialer;
    this.loop = loop;
    this.handler = handler;
    this.outcome = outcome;
    this.subprotocols = request.subprotocols();
    this.target = request.target();
    this.headers = request.headers();
  }

  void start() {
    Duration limit = dialer.options().connectTimeout();
    deadline = loop.schedule(this::late, limit);
    race = null;
    tunnelling = false;
    SocketAddress local = target.local();
    if (local != null) {
      startRace(target.place(), List.of(local));
      return;
    }
    HttpProxy proxy = dialer.options().proxy();
    String host = proxy == null ? Objects.requireNonNull(target.host()) : proxy.host();
    int port = proxy == null ? target.port() : proxy.port();
    int hop = redirects;
    dialer
        .names()
        .resolve(host)
        .whenComplete(
            (addresses, failure) ->
                onLoop(
                    () -> {
                      if (!over && hop == redirects) {
                        resolved(host, port, addresses, failure);
                      }
                    }));
  }

  /** Ends it without a word to the outcome, unless it has ended. */
  void cancel() {
    if (over) {
      return;
    }
    over = true;
    stopWaiting();
    release();
    if (race != null) {
      race.cancel();
    }
  }

  private void onLoop(Runnable task) {
    if (loop.isCurrent()) {
      task.run();
    } else {
      loop.execute(task); // a loop that has ended has ended its links too
    }
  }

  private void resolved(
      String host, int port, @Nullable List<InetAddress> addresses, @Nullable Throwable failure) {
    if (addresses == null) {
      boolean wrapped = failure instanceof CompletionException && failure.getCause() != null;
      fail(wrapped ? failure.getCause() : Objects.requireNonNull(failure));
      return;
    }
    String place = Target.bracketed(host) + ":" + port;
    startRace(place, addresses.stream().map(a -> new InetSocketAddress(a, port)).toList());
  }

  private void startRace(String place, List<? extends SocketAddress> addresses) {
    race = new Race(loop, place, addresses, dialer.options().socketOptions(), this);
    race.start();
  }

  /** Neither name nor sockets were there in time. */
  private void late() {
    deadline = null;
    String standing = race == null ? "its name is not resolved" : race.standing();
    fail(
        new SocketTimeoutException(
            "connecting took too long: to="
                + target
                + ", limit="
                + dialer.options().connectTimeout()
                + ": "
                + standing));
  }

  @Override
  public void onConnected(Attempt winner) {
    stopWaiting();
    HttpProxy proxy = dialer.options().proxy();
    tunnelling = proxy != null && target.local() == null;
    if (tunnelling) {
      ask(winner, tunnelRequest(Objects.requireNonNull(proxy)));
    } else {
      ask(winner, upgradeRequest());
    }
  }

  @Override
  public void onResponse(Attempt winner, ResponseHead head) {
    tell(head);
    if (tunnelling) {
      tunnelling = false;
      if (head.status() / 100 == 2) {
        ask(winner, upgradeRequest());
      } else {
        fail(answered("the proxy " + dialer.options().proxy() + " refuses", head));
      }
    } else if (head.status() == 101) {
      judge(winner, head);
    } else if (REDIRECTS.contains(head.status()) && head.header("Location").isPresent()) {
      follow(head, head.header("Location").get());
    } else {
      fail(answered("the server refuses", head));
    }
  }

  private void tell(ResponseHead head) {
    Consumer<HandshakeExchange> listener = dialer.options().exchanges();
    if (listener != null) {
      try {
        listener.accept(new HandshakeExchange(List.of(asked.split("\r\n")), head.lines()));
      } catch (Throwable t) {
        ErrorLog.log("the listener of Client.Builder.onExchange threw: " + target, t);
      }
    }
  }

  @Override
  public void onFailed(IOException failure) {
    fail(failure);
  }

  private void judge(Attempt winner, ResponseHead head) {
    Handshake kept;
    DeflateParameters deflate;
    try {
      String subprotocol = Objects.requireNonNull(handshake).judge(head);
      deflate = deflate(head);
      kept = keep(winner.remote(), head, subprotocol);
    } catch (UpgradeException e) {
      fail(e);
      return;
    }
    if (deflate != null && (deflate.incomingTakeover() || deflate.outgoingTakeover())) {
      kept = new AdmittedHandshake(kept, Admission.UNCOUNTED, Objects.requireNonNull(offer));
      offer = null; // given back with the connection
    }
    release();
    over = true;
    outcome.onOpened(winner.open(handler, kept, dialer.options().executor().executor(), deflate));
  }

  private @Nullable DeflateParameters deflate(ResponseHead head) throws UpgradeException {
    List<String> chosen = head.headers(EXTENSIONS);
    if (offer != null) {
      try {
        return offer.judge(chosen);
      } catch (DeflateOffer.BrokenAnswerException e) {
        throw ClientHandshake.refused(head, String.valueOf(e.getMessage()));
      }
    }
    if (chosen.isEmpty()) {
      return null;
    }
    throw ClientHandshake.refused(
        head, "no extension was offered: answered=" + LogText.of(String.join(", ", chosen)));
  }

  /** What the offer has taken of the budget. */
  private void release() {
    if (offer != null) {
      offer.release();
      offer = null;
    }
  }

  private Handshake keep(SocketAddress remote, ResponseHead head, @Nullable String subprotocol) {
    return new KeptHandshake(
            PlainHandshake.of(dialer.shared(target.path()), remote),
            target.query(),
            Map.of(),
            kept(head),
            subprotocol,
            Map.of())
        .compact();
  }

  private Map<String, String> kept(ResponseHead head) {
    Set<String> names = dialer.options().keptHeaders();
    if (names.isEmpty()) {
      return Map.of();
    }
    Map<String, String> kept = new HashMap<>();
    for (String line : head.lines()) {
      int colon = line.indexOf(':');
      String name = line.substring(0, Math.max(colon, 0)).toLowerCase(Locale.ROOT);
      // The status line may hold a colon, but has a blank before it.
      boolean isField = colon > 0 && name.indexOf(' ') < 0;
      if (isField && (names.contains("*") || names.contains(name))) {
        kept.putIfAbsent(name, line.substring(colon + 1).strip());
      }
    }
    return Map.copyOf(kept);
  }

  private void follow(ResponseHead head, String location) {
    String shown = LogText.of(location);
    int limit = dialer.options().maxRedirects();
    if (redirects == limit) {
      String why = limit == 0 ? ", which is not followed" : ", one more than are followed";
      fail(answered("the server redirects to " + shown + why + ": limit=" + limit, head));
      return;
    }
    Target next;
    try {
      next = target.redirected(location);
    } catch (IllegalArgumentException e) {
      fail(answered("the server redirects to " + shown + ": " + e.getMessage(), head));
      return;
    }
    Objects.requireNonNull(race).cancel();
    release();
    if (!next.isSameOrigin(target)) {
      headers = Map.of(); // any of them may be a credential
    }
    target = next;
    redirects++;
    start();
  }

  private String tunnelRequest(HttpProxy proxy) {
    String place = target.place();
    StringBuilder request = new StringBuilder();
    request.append("CONNECT ").append(place).append(" HTTP/1.1\r\nHost: ").append(place);
    request.append("\r\n");
    if (proxy.authorization() != null) {
      request.append("Proxy-Authorization: ").append(proxy.authorization()).append("\r\n");
    }
    return request.append("\r\n").toString();
  }

  private String upgradeRequest() {
    handshake = new ClientHandshake(dialer.random(), subprotocols);
    offer = dialer.offer();
    StringBuilder request = new StringBuilder();
    request.append("GET ").append(target.resource()).append(" HTTP/1.1\r\n");
    Responses.line(request, "Host", target.authority());
    handshake.appendTo(request);
    if (offer != null) {
      Responses.line(request, EXTENSIONS, offer.header());
    }
    String authorization = target.authorization();
    if (authorization != null
        && headers.keySet().stream().noneMatch("Authorization"::equalsIgnoreCase)) {
      Responses.line(request, "Authorization", authorization);
    }
    headers.forEach((name, value) -> Responses.line(request, name, value));
    return request.append("\r\n").toString();
  }

  private void ask(Attempt winner, String request) {
    byte[] bytes = request.getBytes(StandardCharsets.ISO_8859_1);
    if (bytes.length > MAX_REQUEST_BYTES) {
      fail(
          new IllegalArgumentException(
              "request too long: length=" + bytes.length + ", limit=" + MAX_REQUEST_BYTES));
      return;
    }
    asked = request;
    winner.ask(bytes);
  }

  private UpgradeException answered(String what, ResponseHead head) {
    String reason = LogText.of(head.reason());
    String status = head.status() + (reason.isEmpty() ? "" : " " + reason);
    String sentence = what + ": uri=" + target + ", status=" + status;
    return new UpgradeException(head.status(), sentence, retryAfter(head));
  }

  /** In seconds; the form of a date would need a clock that both sides agree on. */
  private static Duration retryAfter(ResponseHead head) {
    String value = head.header("Retry-After").orElse("");
    boolean isNumber =
        !value.isEmpty()
            && value.length() <= MAX_RETRY_AFTER_DIGITS
            && value.chars().allMatch(c -> c >= '0' && c <= '9');
    return isNumber ? Duration.ofSeconds(Integer.parseInt(value)) : Duration.ZERO;
  }

  private void fail(Throwable failure) {
    if (over) {
      return;
    }
    cancel();
    outcome.onFailed(failure);
  }

  private void stopWaiting() {
    if (deadline != null) {
      deadline.cancel();
      deadline = null;
    }
  }
}
