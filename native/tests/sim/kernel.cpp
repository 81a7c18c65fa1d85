// SPDX-License-Identifier: Apache-2.0
#include "kernel.hpp"

#include <errno.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <span>
#include <utility>

namespace millrace::sim {

namespace {

// Every descriptor of a real process stands above the three standard ones.
constexpr int kFirstDescriptor = 3;

Kernel the_kernel;

/// splitmix64: the same numbers for the same seed everywhere.
std::uint64_t next_random() noexcept {
  std::uint64_t z = (the_kernel.random += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

constexpr int kMemory[] = {ENOMEM};
constexpr int kNewDescriptor[] = {EMFILE, ENFILE, ENOMEM};
constexpr int kListen[] = {EADDRINUSE, EMFILE, ENOBUFS, EACCES};
constexpr int kConnect[] = {EMFILE, ECONNREFUSED, ENETUNREACH, ENOBUFS};
constexpr int kAccept[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EINTR};
constexpr int kReceive[] = {ECONNRESET, EINTR, ETIMEDOUT, ENOMEM};
constexpr int kSend[] = {EPIPE, ECONNRESET, ENOBUFS, EINTR, ENOMEM};
constexpr int kPollerAdd[] = {ENOMEM, ENOSPC};
constexpr int kQuestion[] = {ENOBUFS};
constexpr int kFile[] = {ENOENT};
constexpr int kWait[] = {EINTR};

struct Kind {
  const char* name;
  std::span<const int> errors;
};

constexpr Kind kKinds[kCalls] = {
    {"map_pages", kMemory},
    {"listen_on", kListen},
    {"local_address", kQuestion},
    {"local_file", kFile},
    {"set_send_buffer", kQuestion},
    {"accept_from", kAccept},
    {"receive", kReceive},
    {"send", kSend},
    {"peer_credentials", kQuestion},
    {"connect_start", kConnect},
    {"poller_create", kNewDescriptor},
    {"poller_add", kPollerAdd},
    {"poller_wait", kWait},
    {"wake_create", kNewDescriptor},
};

const Kind& kind(Call call) noexcept { return kKinds[static_cast<std::size_t>(call)]; }

int take_fault(Call call, std::uint64_t count) noexcept {
  Kernel& k = the_kernel;
  int error = 0;
  auto& faults = k.faults[static_cast<std::size_t>(call)];
  if (const auto found = faults.find(count); found != faults.end()) {
    error = found->second;
    faults.erase(found);
  } else if (k.options.fault_one_in != 0 && next_random() % k.options.fault_one_in == 0) {
    error = usual_error(call, next_random() & 0xff);
  }
  return error;
}

}  // namespace

void check(bool holds, const char* sentence) noexcept {
  if (holds) return;
  std::fprintf(stderr, "sim: not true: %s\n", sentence);
  std::abort();
}

Kernel& kernel() noexcept { return the_kernel; }

void start(const Options& options) {
  check(the_kernel.descriptors.empty(), "nothing is open when a kernel starts");
  the_kernel = Kernel{};
  the_kernel.options = options;
  the_kernel.now_ns = options.clock_ns;
  the_kernel.random = options.fault_seed;
}

std::size_t open_descriptors() noexcept { return the_kernel.descriptors.size(); }
std::size_t mappings() noexcept { return the_kernel.mappings.size(); }
void advance(std::int64_t by_ns) noexcept { the_kernel.now_ns += by_ns; }
void turn_begins() noexcept { the_kernel.waits = the_kernel.reports = the_kernel.idle_waits = 0; }
std::uint32_t waits() noexcept { return the_kernel.waits; }
std::uint32_t reports() noexcept { return the_kernel.reports; }
void on_endless_wait(void (*something)(void* context), void* context) noexcept {
  the_kernel.on_endless_wait = something;
  the_kernel.endless_wait_context = context;
}

// ---- faults

const char* name(Call call) noexcept { return kind(call).name; }
std::uint64_t calls(Call call) noexcept { return the_kernel.calls[static_cast<std::size_t>(call)]; }
std::uint64_t calls() noexcept { return the_kernel.all_calls; }

std::size_t usual_errors(Call call) noexcept { return kind(call).errors.size(); }

int usual_error(Call call, std::size_t index) noexcept {
  const std::span<const int> errors = kind(call).errors;
  return errors[index % errors.size()];
}

void fail(Call call, std::uint64_t nth, int error) {
  the_kernel.faults[static_cast<std::size_t>(call)].emplace(calls(call) + nth, error);
}

void no_more_faults() noexcept {
  for (auto& faults : the_kernel.faults) faults.clear();
  the_kernel.options.fault_one_in = 0;
}

std::uint64_t failures() noexcept { return the_kernel.failures; }
Call last_failure() noexcept { return the_kernel.last_failure; }

int fault(Call call) noexcept {
  ++the_kernel.all_calls;
  const std::uint64_t count = ++the_kernel.calls[static_cast<std::size_t>(call)];
  const int error = take_fault(call, count);
  if (error != 0) {
    ++the_kernel.failures;
    the_kernel.last_failure = call;
  }
  return error;
}

// ---- random numbers

}  // namespace millrace::sim

namespace millrace::os {

/// From the kernel's own sequence, so that the same run has the same keys.
int random_bytes(void* out, std::size_t length) noexcept {
  auto* next = static_cast<std::uint8_t*>(out);
  std::uint64_t& state = sim::kernel().keys;
  for (std::size_t index = 0; index < length; ++index) {
    state = state * 6364136223846793005 + 1442695040888963407;
    next[index] = static_cast<std::uint8_t>(state >> 56);
  }
  return 0;
}

}  // namespace millrace::os

namespace millrace::sim {

// ---- descriptors

int open_descriptor(Descriptor&& descriptor) noexcept {
  auto& all = the_kernel.descriptors;
  if (all.size() >= static_cast<std::size_t>(the_kernel.options.descriptors)) return -EMFILE;
  int fd = kFirstDescriptor;
  for (const auto& [taken, what] : all) {
    if (taken != fd) break;
    ++fd;
  }
  all.emplace(fd, std::move(descriptor));
  return fd;
}

Descriptor& descriptor(int fd) noexcept {
  const auto found = the_kernel.descriptors.find(fd);
  check(found != the_kernel.descriptors.end(), "a descriptor that is used is open");
  return found->second;
}

Connection& connection_of(int fd) noexcept {
  const Peer peer = descriptor(fd).connection;
  check(peer != kNoPeer, "a descriptor that is used as a connection is one");
  return the_kernel.connections[peer];
}

void close_descriptor(int fd) noexcept {
  for (auto& [number, other] : the_kernel.descriptors) {
    if (other.poller) std::erase_if(other.poller->watched, [fd](const Watched& entry) { return entry.fd == fd; });
  }
  the_kernel.descriptors.erase(fd);
}

}  // namespace millrace::sim
