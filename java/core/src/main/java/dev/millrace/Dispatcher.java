// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.LogText;
import dev.millrace.internal.spi.RequestDispatcher;
import dev.millrace.internal.spi.RequestHead;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What a server answers. The path decides first, and a literal path beats a parameter whatever is
 * asked for there; then the kind of the request; what becomes of an upgrade, {@link Upgrades}.
 */
final class Dispatcher implements RequestDispatcher {

  /** What an upgrade gets: a handler for each connection, and where it runs. */
  record Route(Supplier<? extends Handler> handlers, HandlerExecutor executor) {}

  /** What a plain GET gets. */
  record Resource(String contentType, Supplier<byte[]> content) {}

  private static final Map<String, String> UPGRADE_TO_WEBSOCKET = Map.of("Upgrade", "websocket");

  private final Router<Route> webSockets;
  private final Router<Resource> resources;
  private final Upgrades upgrades;
  private final TrustedProxies proxies;

  Dispatcher(
      Router<Route> webSockets,
      Router<Resource> resources,
      Upgrades upgrades,
      TrustedProxies proxies) {
    this.webSockets = webSockets;
    this.resources = resources;
    this.upgrades = upgrades;
    this.proxies = proxies;
  }

  @Override
  public Decision dispatch(RequestHead head) {
    try {
      Provenance provenance = Provenance.of(head, proxies);
      return head.kind() == RequestHead.Kind.UPGRADE ? upgrade(head, provenance) : serve(head);
    } catch (Router.MalformedPathException | Provenance.MalformedException e) {
      upgrades.malformed(head);
      return respond(head, 400, e.getMessage());
    } catch (Throwable t) {
      upgrades.refused(head, UpgradeResult.FAILED);
      return failed(head, t);
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
      upgrades.malformed(head);
      String sentence = "this path speaks WebSocket";
      return new Decision.Respond(
          Responses.text(426, sentence, UPGRADE_TO_WEBSOCKET, hasBody(head)));
    }
    return respond(head, 404, "nothing here");
  }

  private Decision upgrade(RequestHead head, Provenance provenance)
      throws Router.MalformedPathException {
    Optional<Router.Match<Route>> found = webSockets.find(head.path());
    if (found.isEmpty() || isShadowed(head, found.get())) {
      upgrades.refused(head, UpgradeResult.NOT_FOUND);
      return respond(head, 404, "no WebSocket here");
    }
    return upgrades.decide(head, found.get(), provenance);
  }

  private boolean isShadowed(RequestHead head, Router.Match<?> webSocket)
      throws Router.MalformedPathException {
    return !webSocket.parameters().isEmpty() && resources.find(head.path()).isPresent();
  }

  /** The application has thrown, or has answered with what cannot be sent. */
  static Decision failed(RequestHead head, Throwable thrown) {
    ErrorLog.log("request failed: path=" + LogText.of(head.path()), thrown);
    return respond(head, 500, "the server failed to answer");
  }

  static Decision respond(RequestHead head, int status, String sentence) {
    return new Decision.Respond(Responses.text(status, sentence, Map.of(), hasBody(head)));
  }

  private static boolean hasBody(RequestHead head) {
    return head.kind() != RequestHead.Kind.HEAD;
  }
}
