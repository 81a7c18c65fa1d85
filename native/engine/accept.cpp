// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <iterator>
#include <new>

#include "engine/loop.hpp"

namespace millrace::engine {

using memory::kNone;

void Loop::accept_from(std::uint32_t listener) noexcept {
  if (!listeners_[listener].is_open()) return;
  for (std::uint32_t accepted = 0; accepted < kAcceptsPerTurn; ++accepted) {
    const int result = accept_one(listener, listeners_[listener].is_shared());
    if (result == -EAGAIN) return;
    if (result < 0) {
      // No descriptor or no memory: the listener stays ready, and asking again at once would spin.
      (void)os::poller_modify(poller_, listeners_[listener].fd(), listener_data(listener), false, false);
      (void)wheel_.set(now_ns_ + kAcceptPauseNs, {listener, 0, kAcceptTimer});
      return;
    }
  }
}

/// 0, -EAGAIN when nobody waits, or why nobody can be accepted. Who does not stay goes where the fewest are.
int Loop::accept_one(std::uint32_t listener, bool stays) noexcept {
  os::Address peer;
  const int fd = listeners_[listener].accept(&peer);
  if (fd < 0) {
    if (fd != -EAGAIN) count(ring::kAcceptFailures);
    return fd;
  }
  count(ring::kAccepted);
  if (stays || !group_->hand_off(this, fd, peer)) adopt(fd, peer);
  return 0;
}

void Loop::adopt(int fd, const os::Address& peer) noexcept {
  std::uint32_t slot;
  if (begin_connection(&slot) < 0) {
    count(ring::kAcceptFailures);
    os::close_socket(fd, true);
    return;
  }
  Connection& connection = connections_[slot];
  connection.stream = transport::Stream(fd);
  connection.phase = Phase::request;
  Opening& details = openings_[connection.opening];
  details.family = peer.family;
  details.port = peer.port;
  std::copy(std::begin(peer.ip), std::end(peer.ip), std::begin(details.ip));
  details.proxy_header_due = options_.proxy_protocol != 0;
  details.proxied = {};
  set_deadline(slot, options_.handshake_timeout_ns);
  update_interest(slot);
}

/// A slot with its Opening, for a socket that is still to be put into it. 0 or -ENOBUFS.
int Loop::begin_connection(std::uint32_t* out) noexcept {
  const std::uint32_t slot = connections_.allocate();
  const std::uint32_t opening = slot == kNone ? kNone : openings_.allocate();
  if (opening == kNone) {
    if (slot != kNone) connections_.release(slot);
    return -ENOBUFS;
  }
  const std::uint32_t generation = connections_[slot].generation;
  Connection& connection = *new (&connections_[slot]) Connection{};
  connection.generation = generation == 0 ? 1 : generation;
  connection.close_code = static_cast<std::uint16_t>(protocol::CloseCode::abnormal_closure);
  connection.queue_head = connection.queue_tail = kNone;
  connection.next_pending = connection.held = connection.pong = kNone;
  connection.timer = loop::TimerWheel::kNoTimer;
  connection.opening = opening;
  Opening& details = openings_[opening];
  details.parser.reset();
  details.response.reset();
  details.block = 0;
  details.length = 0;
  times_[slot] = {};
  slabs_.add(sizeof(Times));
  tell_buffered(slot);
  __atomic_store_n(&round_trips_[slot], std::int64_t{0}, __ATOMIC_RELAXED);
  gauge(ring::kConnections, connections_.in_use());
  connection_count_.store(connections_.in_use(), std::memory_order_relaxed);
  *out = slot;
  return 0;
}

}  // namespace millrace::engine
