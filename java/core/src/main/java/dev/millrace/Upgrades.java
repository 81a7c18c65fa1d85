// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.Admission;
import dev.millrace.internal.spi.CompressionBudget;
import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.DeflateAgreement;
import dev.millrace.internal.spi.Flight;
import dev.millrace.internal.spi.RequestHead;
import java.security.Principal;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of an upgrade whose route was found: its origin decides, then the limits, and last
 * the application, at once or in its time.
 */
final class Upgrades {

  private static final String EXTENSIONS = "Sec-WebSocket-Extensions";
  private static final Map<String, String> RETRY_SOON = Map.of("Retry-After", "1");

  private final OriginPolicy origins;
  private final Admissions admissions;
  private final UpgradeHook hook;
  private final List<String> keptHeaders;
  private final UnaryOperator<String> redaction;
  private final Compression compression;
  private final CompressionBudget budget;
  private final LongAdder[] refused = new LongAdder[UpgradeResult.values().length];

  Upgrades(
      OriginPolicy origins,
      Admissions admissions,
      UpgradeHook hook,
      List<String> keptHeaders,
      UnaryOperator<String> redaction,
      Compression compression) {
    this.origins = origins;
    this.admissions = admissions;
    this.hook = hook;
    this.keptHeaders = keptHeaders;
    this.redaction = redaction;
    this.compression = compression;
    budget = CompressionBudget.of(compression);
    Arrays.setAll(refused, i -> new LongAdder());
  }

  /** What the connections of the server have taken for their compression. */
  CompressionBudget budget() {
    return budget;
  }

  /** How many were refused so far, for one reason. */
  long refused(UpgradeResult result) {
    return refused[result.ordinal()].sum();
  }

  /** A request for a WebSocket is refused; others are not counted. */
  void refused(RequestHead head, UpgradeResult result) {
    if (head.kind() == RequestHead.Kind.UPGRADE) {
      refused[result.ordinal()].increment();
      Flight.refused(result, head.path());
    }
  }

  /** A request, of whatever kind, that the protocol or its path does not know. */
  void malformed(RequestHead head) {
    refused[UpgradeResult.MALFORMED.ordinal()].increment();
    Flight.refused(UpgradeResult.MALFORMED, head.path());
  }

  Decision decide(RequestHead head, Router.Match<Dispatcher.Route> match, Provenance provenance) {
    if (!origins.permits(head.headers("Origin"), provenance.scheme(), provenance.authority())) {
      refused(head, UpgradeResult.ORIGIN);
      return Dispatcher.respond(head, 403, "origin not allowed");
    }
    Admission place;
    try {
      place = admissions.admit(match.pattern(), provenance.client());
    } catch (Admissions.RefusedException e) {
      refused(head, e.result());
      return unavailable(e.getMessage());
    }
    Candidate candidate = new Candidate(head, match, provenance, place);
    try {
      return hook instanceof UpgradeHook.InTime inTime
          ? candidate.ask(inTime)
          : candidate.ask((UpgradeHook.AtOnce) hook);
    } catch (Throwable t) {
      return candidate.fail(t);
    }
  }

  private static Decision.Respond unavailable(String sentence) {
    return new Decision.Respond(Responses.text(503, sentence, RETRY_SOON, true));
  }

  /** A request that was let in. It holds its place until it is turned away or its end is told. */
  private final class Candidate {
    private final RoutedRequest request;
    private final Router.Match<Dispatcher.Route> match;
    private final Admission place;
    private volatile Admission memory = Admission.UNCOUNTED;
    private volatile boolean abandoned;

    Candidate(
        RequestHead head,
        Router.Match<Dispatcher.Route> match,
        Provenance provenance,
        Admission place) {
      this.request = new RoutedRequest(head, match.parameters(), provenance);
      this.match = match;
      this.place = place;
    }

    Decision ask(UpgradeHook.AtOnce hook) {
      return answer(Objects.requireNonNull(hook.decision().apply(request), "answer of onUpgrade"));
    }

    Decision ask(UpgradeHook.InTime hook) {
      CompletionStage<? extends Upgrade> stage =
          Objects.requireNonNull(hook.decision().apply(request), "stage of onUpgradeAsync");
      CompletableFuture<Decision> decision = new CompletableFuture<>();
      stage.whenComplete((upgrade, failure) -> decision.complete(answer(upgrade, failure)));
      return decision.isDone()
          ? decision.join()
          : new Decision.Later(decision, hook.deadline(), late(), this::abandon);
    }

    private static Decision.Respond late() {
      return unavailable("the server took too long to decide");
    }

    /** Nobody waits for the answer any more. */
    private void abandon() {
      abandoned = true;
      release();
    }

    private void release() {
      place.release();
      memory.release();
    }

    private Decision answer(@Nullable Upgrade upgrade, @Nullable Throwable failure) {
      if (failure != null) {
        boolean wrapped = failure instanceof CompletionException && failure.getCause() != null;
        return fail(wrapped ? failure.getCause() : failure);
      }
      if (abandoned) {
        return late(); // and no handler is asked for
      }
      try {
        return answer(Objects.requireNonNull(upgrade, "answer of onUpgradeAsync"));
      } catch (Throwable t) {
        return fail(t);
      }
    }

    private Decision answer(Upgrade upgrade) {
      if (upgrade instanceof Upgrade.Rejected rejected) {
        release();
        refused(request.head(), UpgradeResult.REJECTED);
        return new Decision.Respond(
            Responses.text(rejected.status(), rejected.text(), rejected.headers(), true));
      }
      return accept((Upgrade.Accepted) upgrade);
    }

    Decision fail(Throwable thrown) {
      release();
      if (!abandoned) {
        refused(request.head(), UpgradeResult.FAILED);
      }
      return Dispatcher.failed(request.head(), thrown);
    }

    private Decision accept(Upgrade.Accepted accepted) {
      StringBuilder lines = new StringBuilder();
      accepted.headers().forEach((name, value) -> Responses.line(lines, name, value));
      String subprotocol = accepted.subprotocol().orElse(null);
      if (subprotocol != null) {
        requireOffered(subprotocol);
        Responses.line(lines, "Sec-WebSocket-Protocol", subprotocol);
      }
      DeflateAgreement deflate = deflate();
      if (deflate != null) {
        Responses.line(lines, EXTENSIONS, deflate.answer());
      }
      Handshake handshake = handshake(accepted, subprotocol);
      Dispatcher.Route route = match.target();
      Handler handler = Objects.requireNonNull(route.handlers().get(), "handler of the supplier");
      return new Decision.Accept(
          handler,
          handshake,
          lines.toString(),
          route.executor().executor(),
          deflate == null ? null : deflate.parameters());
    }

    private @Nullable DeflateAgreement deflate() {
      if (!compression.isEnabled()) {
        return null;
      }
      DeflateAgreement agreed =
          DeflateAgreement.answer(request.head().headers(EXTENSIONS), compression, budget);
      if (agreed != null) {
        memory = agreed.memory();
        if (abandoned) {
          // Meanwhile, so that what was taken just now was not given back.
          memory.release();
        }
      }
      return agreed;
    }

    private void requireOffered(String subprotocol) {
      if (!request.subprotocols().contains(subprotocol)) {
        throw new IllegalStateException(
            "subprotocol was not offered: chosen="
                + subprotocol
                + ", offered="
                + request.subprotocols());
      }
    }

    /** As little as there is something in. */
    private Handshake handshake(Upgrade.Accepted accepted, @Nullable String subprotocol) {
      String path = request.path();
      String shared = path.equals(match.pattern()) ? match.pattern() : path;
      Handshake handshake =
          new KeptHandshake(
                  PlainHandshake.of(shared, request.remoteAddress()),
                  request.head().query(),
                  match.parameters(),
                  kept(),
                  subprotocol,
                  accepted.attributes())
              .compact();
      if (request.provenance().proxy() != null) {
        handshake =
            new ProxiedHandshake(
                handshake, PlainHandshake.of(shared, request.provenance().proxy()));
      }
      Principal peer = accepted.principal().or(request::peer).orElse(null);
      if (peer != null) {
        handshake = new IdentifiedHandshake(handshake, peer, redaction);
      }
      return place == Admission.UNCOUNTED && memory == Admission.UNCOUNTED
          ? handshake
          : new AdmittedHandshake(handshake, place, memory);
    }

    private Map<String, String> kept() {
      if (keptHeaders.isEmpty()) {
        return Map.of();
      }
      Map<String, String> kept = new HashMap<>();
      for (String name : keptHeaders) {
        request.header(name).ifPresent(value -> kept.put(name, value));
      }
      return Map.copyOf(kept);
    }
  }
}
