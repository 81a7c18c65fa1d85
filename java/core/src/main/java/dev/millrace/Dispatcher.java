// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.RequestDispatcher;
import dev.millrace.internal.spi.RequestHead;
import java.nio.ByteBuffer;
import java.security.Principal;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What a server answers. The path decides first, and a literal path beats a parameter whatever is
 * asked for there; then the kind of the request; for an upgrade then its origin, and last the
 * application.
 */
final class Dispatcher implements RequestDispatcher {

  /** What an upgrade gets: a handler for each connection, and where it runs. */
  record Route(Supplier<? extends Handler> handlers, HandlerExecutor executor) {}

  /** What a plain GET gets. */
  record Resource(String contentType, Supplier<byte[]> content) {}

  private static final Map<String, String> UPGRADE_TO_WEBSOCKET = Map.of("Upgrade", "websocket");

  private final Router<Route> webSockets;
  private final Router<Resource> resources;
  private final OriginPolicy origins;
  private final Function<? super UpgradeRequest, ? extends Upgrade> onUpgrade;
  private final List<String> keptHeaders;

  Dispatcher(
      Router<Route> webSockets,
      Router<Resource> resources,
      OriginPolicy origins,
      Function<? super UpgradeRequest, ? extends Upgrade> onUpgrade,
      List<String> keptHeaders) {
    this.webSockets = webSockets;
    this.resources = resources;
    this.origins = origins;
    this.onUpgrade = onUpgrade;
    this.keptHeaders = keptHeaders;
  }

  @Override
  public Decision dispatch(RequestHead head) {
    try {
      return head.kind() == RequestHead.Kind.UPGRADE ? upgrade(head) : serve(head);
    } catch (Router.MalformedPathException e) {
      return respond(head, 400, e.getMessage());
    } catch (Throwable t) {
      ErrorLog.log("request failed: path=" + head.path(), t);
      return respond(head, 500, "the server failed to answer");
    }
  }

  private Decision serve(RequestHead head) throws Router.MalformedPathException {
    Optional<Router.Match<Resource>> found = resources.find(head.path());
    if (found.isPresent()) {
      Resource resource = found.get().target();
      byte[] content = Objects.requireNonNull(resource.content().get(), "content");
      return new Decision.Respond(
          Responses.build(200, resource.contentType(), content, Map.of(), hasBody(head)));
    }
    if (webSockets.find(head.path()).isPresent()) {
      String sentence = "this path speaks WebSocket";
      return new Decision.Respond(
          Responses.text(426, sentence, UPGRADE_TO_WEBSOCKET, hasBody(head)));
    }
    return respond(head, 404, "nothing here");
  }

  private Decision upgrade(RequestHead head) throws Router.MalformedPathException {
    Optional<Router.Match<Route>> found = webSockets.find(head.path());
    if (found.isEmpty() || isShadowed(head, found.get())) {
      return respond(head, 404, "no WebSocket here");
    }
    if (!origins.permits(head.headers("Origin"), head.authority())) {
      return respond(head, 403, "origin not allowed");
    }
    RoutedRequest request = new RoutedRequest(head, found.get().parameters());
    Upgrade answer = Objects.requireNonNull(onUpgrade.apply(request), "answer of onUpgrade");
    if (answer instanceof Upgrade.Rejected rejected) {
      ByteBuffer response =
          Responses.text(rejected.status(), rejected.text(), rejected.headers(), true);
      return new Decision.Respond(response);
    }
    return accept(request, found.get(), (Upgrade.Accepted) answer);
  }

  private boolean isShadowed(RequestHead head, Router.Match<?> webSocket)
      throws Router.MalformedPathException {
    return !webSocket.parameters().isEmpty() && resources.find(head.path()).isPresent();
  }

  private Decision accept(
      RoutedRequest request, Router.Match<Route> match, Upgrade.Accepted accepted) {
    StringBuilder lines = new StringBuilder();
    accepted.headers().forEach((name, value) -> Responses.line(lines, name, value));
    String subprotocol = accepted.subprotocol().orElse(null);
    if (subprotocol != null) {
      if (!request.subprotocols().contains(subprotocol)) {
        throw new IllegalStateException(
            "subprotocol was not offered: chosen="
                + subprotocol
                + ", offered="
                + request.subprotocols());
      }
      Responses.line(lines, "Sec-WebSocket-Protocol", subprotocol);
    }
    String path = request.path();
    String shared = path.equals(match.pattern()) ? match.pattern() : path;
    Handshake handshake =
        new KeptHandshake(
                PlainHandshake.of(shared, request.remoteAddress()),
                request.head().query(),
                match.parameters(),
                kept(request),
                subprotocol,
                accepted.attributes())
            .compact();
    Optional<Principal> peer = request.peer();
    if (peer.isPresent()) {
      handshake = new IdentifiedHandshake(handshake, peer.get());
    }
    Route route = match.target();
    Handler handler = Objects.requireNonNull(route.handlers().get(), "handler of the supplier");
    return new Decision.Accept(handler, handshake, lines.toString(), route.executor().executor());
  }

  private Map<String, String> kept(RoutedRequest request) {
    if (keptHeaders.isEmpty()) {
      return Map.of();
    }
    Map<String, String> kept = new HashMap<>();
    for (String name : keptHeaders) {
      request.header(name).ifPresent(value -> kept.put(name, value));
    }
    return Map.copyOf(kept);
  }

  private static Decision respond(RequestHead head, int status, String sentence) {
    return new Decision.Respond(Responses.text(status, sentence, Map.of(), hasBody(head)));
  }

  private static boolean hasBody(RequestHead head) {
    return head.kind() != RequestHead.Kind.HEAD;
  }
}
