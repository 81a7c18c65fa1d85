// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.ScheduledTask;
import dev.millrace.UpgradeResult;
import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.RequestHead;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The upgrades of a loop on which the application decides in its own time. Each ends in one of
 * three ways, whichever comes first: the decision, the deadline, the connection's end. Loop thread
 * only.
 */
final class Undecided {
  private final NativeLoop loop;
  private final Incoming incoming;
  private final Map<Integer, Request> requests = new HashMap<>();

  Undecided(NativeLoop loop, Incoming incoming) {
    this.loop = loop;
    this.incoming = incoming;
  }

  boolean isEmpty() {
    return requests.isEmpty();
  }

  /** Waits for a decision. */
  void add(int slot, int generation, Decision.Later later) {
    Request request = new Request(slot, generation, later);
    requests.put(slot, request);
    try {
      request.await();
    } catch (Throwable t) {
      NativeLoop.log(Level.ERROR, "a decision cannot be waited for", t);
      if (request.take()) {
        incoming.fail(slot, generation);
        request.abandon();
      }
    }
  }

  /** The core has told of a connection's end. */
  void ended(int slot, int generation) {
    Request request = requests.get(slot);
    if (request != null && request.generation == generation && request.take()) {
      request.abandon();
    }
  }

  /** The loop ends. */
  void abandonAll() {
    List<Request> left = new ArrayList<>(requests.values());
    requests.clear();
    left.forEach(Request::abandon);
  }

  private final class Request {
    private final int slot;
    private final int generation;
    private final Decision.Later later;
    private @Nullable ScheduledTask deadline;

    Request(int slot, int generation, Decision.Later later) {
      this.slot = slot;
      this.generation = generation;
      this.later = later;
    }

    void await() {
      deadline = loop.schedule(this::onDeadline, later.deadline());
      later
          .decision()
          .whenComplete(
              (decision, failure) ->
                  loop.post(
                      new LoopTask() {
                        @Override
                        public void run() {
                          onDecision(decision, failure);
                        }
                      }));
    }

    /** Whether this is still to be answered; it is not any more. */
    boolean take() {
      if (!requests.remove(slot, this)) {
        return false;
      }
      if (deadline != null) {
        deadline.cancel();
      }
      return true;
    }

    private void onDeadline() {
      if (take()) {
        loop.meter().upgrade(UpgradeResult.TIMED_OUT);
        incoming.respond(slot, generation, later.late().response());
        abandon();
      }
    }

    private void onDecision(@Nullable Decision decision, @Nullable Throwable failure) {
      if (!take()) {
        return;
      }
      if (decision instanceof Decision.Respond response) {
        incoming.respond(slot, generation, response.response());
      } else if (decision instanceof Decision.Accept accept) {
        if (loop.isDraining() || !incoming.open(slot, generation, accept)) {
          incoming.refuse(slot, generation, RequestHead.Kind.UPGRADE);
          abandon();
        }
      } else {
        NativeLoop.log(Level.ERROR, "a decision is none: " + decision, failure);
        incoming.fail(slot, generation);
        abandon();
      }
    }

    void abandon() {
      try {
        later.abandon().run();
      } catch (Throwable t) {
        NativeLoop.log(Level.ERROR, "a request could not be given up", t);
      }
    }
  }
}
