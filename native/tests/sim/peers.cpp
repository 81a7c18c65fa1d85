// SPDX-License-Identifier: Apache-2.0
//
// The far ends of the connections.
#include <errno.h>

#include <algorithm>
#include <string_view>

#include "kernel.hpp"

namespace millrace::sim {

namespace {

Connection& at(Peer peer) noexcept {
  check(peer < kernel().connections.size(), "a peer that is named was connected");
  return kernel().connections[peer];
}

Listener* find_listener(const os::Address& to) noexcept {
  for (auto& [fd, descriptor] : kernel().descriptors) {
    if (descriptor.listener && same_place(descriptor.listener->address, to)) return descriptor.listener.get();
  }
  return nullptr;
}

}  // namespace

bool same_place(const os::Address& one, const os::Address& other) noexcept {
  if (one.family != other.family) return false;
  if (one.family != os::Family::local) return one.port == other.port;
  return std::string_view(one.path, one.path_length) == std::string_view(other.path, other.path_length);
}

void serve(const os::Address& address, Answers answers) {
  for (Server& server : kernel().servers) {
    if (!same_place(server.address, address)) continue;
    server.answers = answers;
    return;
  }
  kernel().servers.push_back({address, answers});
}

Peer accept() {
  auto& queue = kernel().accepted;
  if (queue.empty()) return kNoPeer;
  const Peer peer = queue.front();
  queue.pop_front();
  return peer;
}

void answer(Peer peer, int error) {
  Connection& connection = at(peer);
  if (!connection.connecting) return;
  connection.connecting = false;
  kernel().idle_waits = 0;
  if (error != 0) connection.reset_by_peer(error);
}

Peer connect(const os::Address& to) {
  Listener* const listener = find_listener(to);
  if (listener == nullptr || listener->queue.size() >= listener->backlog) return kNoPeer;
  const auto peer = static_cast<Peer>(kernel().connections.size());
  Connection& connection = kernel().connections.emplace_back();
  connection.peer.family = to.family;
  connection.peer.port = to.family == os::Family::local ? 0 : static_cast<std::uint16_t>(peer);
  if (to.family == os::Family::ipv4) connection.peer.ip[0] = 127;
  listener->queue.push_back(peer);
  return peer;
}

void set_buffers(Peer peer, const Buffers& buffers) { at(peer).buffers = buffers; }

std::size_t write(Peer peer, std::string_view bytes) {
  Connection& connection = at(peer);
  if (connection.connecting || connection.peer_finished || connection.broken || connection.core_reset) return 0;
  const std::size_t capacity = connection.buffers.receive_capacity;
  const std::size_t fits = std::min(bytes.size(), capacity - std::min(capacity, connection.unreceived()));
  connection.inbound.erase(0, connection.taken);
  connection.taken = 0;
  connection.inbound.append(bytes.substr(0, fits));
  return fits;
}

std::string read(Peer peer, std::size_t most) {
  Connection& connection = at(peer);
  const std::size_t length = std::min(most, connection.unread());
  std::string bytes = connection.outbound.substr(connection.given, length);
  connection.given += length;
  if (connection.given == connection.outbound.size()) {
    connection.outbound.clear();
    connection.given = 0;
  }
  return bytes;
}

void finish(Peer peer) { at(peer).peer_finished = true; }

void close(Peer peer) {
  Connection& connection = at(peer);
  if (connection.unread() > 0) {
    reset(peer);
    return;
  }
  connection.peer_finished = true;
  connection.peer_gone = true;
}

void reset(Peer peer) {
  Connection& connection = at(peer);
  if (connection.broken) return;
  connection.peer_gone = true;
  connection.reset_by_peer(ECONNRESET);
}

bool at_end(Peer peer) noexcept {
  const Connection& connection = at(peer);
  return connection.core_finished && connection.unread() == 0;
}

bool was_reset(Peer peer) noexcept { return at(peer).core_reset; }
bool is_open(Peer peer) noexcept { return at(peer).core_open; }
std::size_t unreceived(Peer peer) noexcept { return at(peer).unreceived(); }
std::size_t unread(Peer peer) noexcept { return at(peer).unread(); }
std::uint64_t received(Peer peer) noexcept { return at(peer).received; }
std::uint64_t sent(Peer peer) noexcept { return at(peer).sent; }

}  // namespace millrace::sim
