// SPDX-License-Identifier: Apache-2.0
#include "engine/loop.hpp"

namespace millrace::engine {

bool Loop::wants_read(const Connection& connection) const noexcept {
  if (connection.eof) return false;
  switch (connection.phase) {
    case Phase::awaiting:
    case Phase::request:
    case Phase::draining:
      return true;
    case Phase::open:
      return !connection.paused && !connection.stopped && !connection.spent && !connection.input_ended;
    case Phase::closing:
      // The peer's Close may stand behind data that nobody wants any more.
      return connection.websocket && !connection.stopped && !connection.input_ended;
    default:
      return false;
  }
}

void Loop::update_interest(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (!connection.stream.is_open()) return;
  const bool read = wants_read(connection);
  const bool write = is_stuck(connection) || connection.phase == Phase::connecting;
  const std::uint64_t data = std::uint64_t{connection.generation} << 32 | slot;
  int result = 0;
  const bool changed = connection.armed_read != read || connection.armed_write != write;
  const bool begins_to_read = read && !connection.armed_read;
  if (!connection.on_poller) {
    if (!read && !write) return;
    result = os::poller_add(poller_, connection.stream.fd(), data, read, write);
    connection.on_poller = result >= 0;
  } else if (changed) {
    result = os::poller_modify(poller_, connection.stream.fd(), data, read, write);
  }
  connection.armed_read = read;
  connection.armed_write = write;
  if (result < 0) {
    end(slot, -result, true);
  } else if (changed) {
    // While nothing is read nobody is silent. The time for an answer begins anew when the ping has left, too.
    if (begins_to_read) connection.active_ns = now_ns_;
    if (connection.pinged && read && !write) times_[slot].silent_ns = now_ns_;
    arm(slot);
  }
}

}  // namespace millrace::engine
