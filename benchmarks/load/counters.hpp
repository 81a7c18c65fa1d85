// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "histogram.hpp"

namespace millrace::load {

/// What one worker counted; those of all workers add up to the result.
struct Counters {
  Histogram latency;
  uint64_t messages = 0;
  uint64_t payload_bytes = 0;  // as they come over the wire
  uint64_t verified = 0;
  uint64_t uncompressed = 0;  // answers, although compression was agreed on
  uint64_t bad = 0;           // an answer of the wrong length or content, or one that nobody asked for
  uint64_t closed = 0;        // connections the server ended
  uint64_t receives = 0;
  uint64_t sends = 0;
  uint64_t waits = 0;
  uint64_t unanswered = 0;
  uint64_t oldest_unanswered_ns = 0;
  double window_seconds = 0;

  void add(const Counters& other) {
    latency.merge(other.latency);
    messages += other.messages;
    payload_bytes += other.payload_bytes;
    verified += other.verified;
    uncompressed += other.uncompressed;
    bad += other.bad;
    closed += other.closed;
    receives += other.receives;
    sends += other.sends;
    waits += other.waits;
    unanswered += other.unanswered;
    oldest_unanswered_ns = std::max(oldest_unanswered_ns, other.oldest_unanswered_ns);
    window_seconds = std::max(window_seconds, other.window_seconds);
  }
};

}  // namespace millrace::load
