// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include <algorithm>
#include <utility>

#include "kernel.hpp"

namespace millrace::os {

using sim::Call;
using sim::check;
using sim::Descriptor;
using sim::fault;
using sim::kernel;
using sim::Watched;

namespace {

constexpr int kMaxBatch = 256;

sim::Poller& poller_of(int fd) noexcept {
  Descriptor& descriptor = sim::descriptor(fd);
  check(descriptor.poller != nullptr, "what is used as a poller is one");
  return *descriptor.poller;
}

sim::Wake& wake_of(int fd) noexcept {
  Descriptor& descriptor = sim::descriptor(fd);
  check(descriptor.wake != nullptr, "what is used as a wake descriptor is one");
  return *descriptor.wake;
}

Watched* find(sim::Poller* poller, int fd) noexcept {
  const auto found = std::find_if(poller->watched.begin(), poller->watched.end(),
                                  [fd](const Watched& entry) { return entry.fd == fd; });
  return found != poller->watched.end() ? &*found : nullptr;
}

/// What tcp_poll would say, whether asked for or not.
Ready readiness(const Watched& entry) noexcept {
  const Descriptor& descriptor = sim::descriptor(entry.fd);
  Ready ready{.data = entry.data, .readable = false, .writable = false, .hangup = false};
  if (descriptor.wake) {
    ready.readable = descriptor.wake->count > 0;
  } else if (descriptor.listener) {
    ready.readable = !descriptor.listener->queue.empty();
  } else {
    const sim::Connection& connection = kernel().connections[descriptor.connection];
    if (connection.connecting) return ready;
    ready.readable = connection.unreceived() > 0 || connection.peer_finished || connection.broken;
    // Linux reports room once a third of the buffer is free.
    const bool room = connection.send_room() * 3 >= connection.buffers.send_capacity;
    ready.writable = room || connection.core_finished || connection.broken;
    ready.hangup = connection.broken || (connection.peer_finished && connection.core_finished);
  }
  return ready;
}

/// Reports what is ready and asked for. Who was reported goes behind those who were not.
int collect(sim::Poller* poller, Ready* out, int capacity) {
  int count = 0;
  std::vector<Watched> first;
  std::vector<Watched> last;
  for (const Watched& entry : poller->watched) {
    Ready ready = readiness(entry);
    ready.readable = ready.readable && entry.readable;
    ready.writable = ready.writable && entry.writable;
    if (count < capacity && (ready.readable || ready.writable || ready.hangup)) {
      out[count++] = ready;
      last.push_back(entry);
    } else {
      first.push_back(entry);
    }
  }
  first.insert(first.end(), last.begin(), last.end());
  poller->watched = std::move(first);
  kernel().reports += static_cast<std::uint32_t>(count);
  return count;
}

}  // namespace

std::int64_t clock_ns() noexcept { return kernel().now_ns; }

int poller_create() noexcept {
  if (const int error = fault(Call::poller_create); error != 0) return -error;
  Descriptor descriptor;
  descriptor.poller = std::make_unique<sim::Poller>();
  return open_descriptor(std::move(descriptor));
}

int poller_add(int poller, int fd, std::uint64_t data, bool readable, bool writable) noexcept {
  sim::Poller& where = poller_of(poller);
  (void)sim::descriptor(fd);
  if (const int error = fault(Call::poller_add); error != 0) return -error;
  if (find(&where, fd) != nullptr) return -EEXIST;
  where.watched.push_back({fd, data, readable, writable});
  return 0;
}

int poller_modify(int poller, int fd, std::uint64_t data, bool readable, bool writable) noexcept {
  Watched* const entry = find(&poller_of(poller), fd);
  check(entry != nullptr, "what is modified at the poller is there");
  *entry = {fd, data, readable, writable};
  return 0;
}

int poller_remove(int poller, int fd) noexcept {
  sim::Poller& where = poller_of(poller);
  check(find(&where, fd) != nullptr, "what is removed from the poller is there");
  std::erase_if(where.watched, [fd](const Watched& entry) { return entry.fd == fd; });
  return 0;
}

int poller_wait(int poller, Ready* out, int capacity, std::int64_t timeout_ns) noexcept {
  sim::Poller& where = poller_of(poller);
  check(capacity > 0, "a wait has room for what is ready");
  // Whatever signals come, the wait goes on.
  if (const int error = fault(Call::poller_wait); error != 0 && error != EINTR) return -error;
  ++kernel().waits;
  check(++kernel().idle_waits <= kernel().options.idle_waits, "a turn does not spin");
  capacity = std::min(capacity, kMaxBatch);
  int count = collect(&where, out, capacity);
  if (count > 0 || timeout_ns == 0) return count;
  if (timeout_ns > 0) {
    sim::advance(timeout_ns);
    kernel().idle_waits = 0;
    // A turn without a limit may wait for its timers for ever, as at EMFILE.
    if (kernel().waits % 1000 == 0 && kernel().on_endless_wait != nullptr) {
      kernel().on_endless_wait(kernel().endless_wait_context);
    }
    return 0;
  }
  if (kernel().on_endless_wait != nullptr) kernel().on_endless_wait(kernel().endless_wait_context);
  count = collect(&where, out, capacity);
  check(count > 0, "a wait without a limit ends");
  return count;
}

int poller_close(int poller) noexcept {
  (void)poller_of(poller);
  sim::close_descriptor(poller);
  return 0;
}

int wake_create() noexcept {
  if (const int error = fault(Call::wake_create); error != 0) return -error;
  Descriptor descriptor;
  descriptor.wake = std::make_unique<sim::Wake>();
  return open_descriptor(std::move(descriptor));
}

int wake_signal(int fd) noexcept {
  ++wake_of(fd).count;
  return 0;
}

int wake_drain(int fd) noexcept {
  wake_of(fd).count = 0;
  return 0;
}

int wake_close(int fd) noexcept {
  (void)wake_of(fd);
  sim::close_descriptor(fd);
  return 0;
}

}  // namespace millrace::os
