// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim.hpp"

namespace millrace::sim {

/// One TCP or local connection, seen from the core's side.
struct Connection {
  os::Address peer;
  Buffers buffers;
  std::string inbound;  ///< towards the core; what lies before `taken` was received
  std::size_t taken = 0;
  std::string outbound;  ///< towards the peer; what lies before `given` was read
  std::size_t given = 0;
  bool peer_finished = false;
  bool peer_gone = false;  ///< nobody would read what is sent: the answer is a reset
  bool core_finished = false;
  bool core_open = false;   ///< accepted, or connecting, and not closed
  bool connecting = false;  ///< by the core; nothing moves yet
  bool core_reset = false;  ///< the core sent RST, or closed with unread input
  bool broken = false;      ///< RST came: both directions are shut
  int error = 0;            ///< SO_ERROR
  std::uint64_t received = 0;
  std::uint64_t sent = 0;

  [[nodiscard]] std::size_t unreceived() const noexcept { return inbound.size() - taken; }
  [[nodiscard]] std::size_t unread() const noexcept { return outbound.size() - given; }
  [[nodiscard]] std::size_t send_room() const noexcept {
    return buffers.send_capacity - std::min(buffers.send_capacity, unread());
  }
  void reset_by_peer(int number) noexcept {
    broken = true;
    error = number;
    outbound.clear();
    given = 0;
  }
};

struct Listener {
  os::Address address;
  std::size_t backlog = 0;
  std::deque<Peer> queue;
};

struct Watched {
  int fd;
  std::uint64_t data;
  bool readable;
  bool writable;
};

struct Poller {
  std::vector<Watched> watched;  ///< in the order in which they are looked at
};

struct Wake {
  std::uint64_t count = 0;
};

[[nodiscard]] bool same_place(const os::Address& one, const os::Address& other) noexcept;

/// What a descriptor stands for: one of the pointers, or a connection.
struct Descriptor {
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Poller> poller;
  std::unique_ptr<Wake> wake;
  Peer connection = kNoPeer;
};

struct Server {
  os::Address address;
  Answers answers = Answers::at_once;
};

struct Kernel {
  Options options;
  std::int64_t now_ns = 0;
  std::map<int, Descriptor> descriptors;
  std::deque<Connection> connections;
  std::vector<Server> servers;
  std::deque<Peer> accepted;  ///< connections of the core whose far end nobody has taken
  std::map<void*, std::size_t> mappings;
  std::map<std::string, std::uint64_t> files;  ///< local sockets by path: inode
  std::uint64_t next_inode = 1;
  std::uint16_t next_port = 40'000;
  std::uint32_t waits = 0;
  std::uint32_t reports = 0;
  std::uint32_t idle_waits = 0;  ///< since bytes or a connection moved
  void (*on_endless_wait)(void* context) = nullptr;
  void* endless_wait_context = nullptr;

  std::uint64_t calls[kCalls] = {};
  std::uint64_t all_calls = 0;
  std::multimap<std::uint64_t, int> faults[kCalls];  ///< by count of calls: errno
  std::uint64_t random = 0;
  std::uint64_t keys = 0;
  std::uint64_t failures = 0;
  Call last_failure = Call::map_pages;
};

[[nodiscard]] Kernel& kernel() noexcept;

/// Counts a call; the errno it has to fail with, or 0.
[[nodiscard]] int fault(Call call) noexcept;

/// A new descriptor with the lowest free number, or -EMFILE.
[[nodiscard]] int open_descriptor(Descriptor&& descriptor) noexcept;
/// The descriptor of that number; the program ends when there is none.
[[nodiscard]] Descriptor& descriptor(int fd) noexcept;
[[nodiscard]] Connection& connection_of(int fd) noexcept;
/// Takes the descriptor out of every poller and away.
void close_descriptor(int fd) noexcept;

}  // namespace millrace::sim
