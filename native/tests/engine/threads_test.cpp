// SPDX-License-Identifier: Apache-2.0
//
// What threads outside a loop share with it: its wake, blocks that come home, sockets that are handed over.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "engine/group.hpp"
#include "java_half.hpp"
#include "os/os.hpp"

namespace millrace::engine::test {

namespace {

/// One place on its way from one thread to another: an address, or 0.
using Place = std::atomic<std::uint64_t>;

void put(Place& place, std::uint64_t address, const std::atomic<bool>& stop) {
  std::uint64_t none = 0;
  while (!place.compare_exchange_weak(none, address, std::memory_order_seq_cst) && !stop) {
    none = 0;
    std::this_thread::yield();
  }
}

/// Fills a block with its own address.
void sign(std::uint8_t* bytes, std::uint64_t address, std::size_t length) {
  for (std::size_t at = 0; at < length; at += sizeof address) std::memcpy(bytes + at, &address, sizeof address);
}

[[nodiscard]] bool is_signed(const std::uint8_t* bytes, std::uint64_t address, std::size_t length) {
  for (std::size_t at = 0; at < length; at += sizeof address) {
    if (std::memcmp(bytes + at, &address, sizeof address) != 0) return false;
  }
  return true;
}

[[nodiscard]] std::size_t length_of(int number) { return std::size_t{64} << (number % 9); }

}  // namespace

TEST_SUITE_BEGIN("threads");

// The sleep protocol of the Java half around the wake of this one. Each producer waits until its post was taken, so the
// loop sleeps often, and without a time limit: one lost wake-up, and only the timer ends its wait. Blocks go both ways:
// those that producers take from the shared region are released by the loop, those of the loop by whoever reads them
// last. In the first half another thread wakes the loop all the time, which must leave no wake behind that was told but
// not given.
TEST_CASE("no wake-up is lost and no block either, between threads that post and a loop that sleeps") {
  constexpr int kProducers = 3;
  constexpr int kPosts = 4'000;
  JavaHalf java;
  const std::uint8_t* const own = java.region();
  auto* const shared = reinterpret_cast<std::uint8_t*>(shared_region().start);
  REQUIRE(shared != nullptr);
  std::atomic<int> sleeping{0};
  std::atomic<bool> stop{false};
  std::atomic<int> damaged{0};
  Place posted[kProducers] = {};
  Place given[kProducers] = {};
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&, producer] {
      for (int number = 0; number < kPosts && !stop; ++number) {
        const std::int64_t block = acquire_shared(static_cast<std::int64_t>(length_of(number)));
        if (block < 0) {
          ++damaged;
          continue;
        }
        const auto address = static_cast<std::uint64_t>(block);
        sign(shared + ring::offset_of(address), address, length_of(number));
        put(posted[producer], address, stop);
        if (sleeping.load() == 1 && sleeping.exchange(0) == 1) (void)wake(java.handle());
        if (const std::uint64_t gift = given[producer].exchange(0); gift != 0) {
          if (!is_signed(own + ring::offset_of(gift), gift, 512)) ++damaged;
          if (release(static_cast<std::int64_t>(gift)) != 0) ++damaged;
        }
      }
    });
  }

  std::atomic<bool> nudging{true};
  std::thread nudger([&] {
    while (nudging) {
      (void)wake(java.handle());
      std::this_thread::yield();
    }
  });

  int taken[kProducers] = {};
  std::uint64_t held = 0;
  const auto take = [&] {
    bool any = false;
    for (int producer = 0; producer < kProducers; ++producer) {
      const std::uint64_t address = posted[producer].exchange(0);
      if (address == 0) continue;
      any = true;
      if (taken[producer] == kPosts / 2) nudging = false;
      const std::size_t length = length_of(taken[producer]++);
      if (!is_signed(shared + ring::offset_of(address), address, length)) ++damaged;
      if (release(static_cast<std::int64_t>(address)) != 0) ++damaged;
      if (given[producer].load() != 0) continue;
      const std::int64_t block = acquire(java.handle(), 512);
      REQUIRE(block > 0);
      const auto gift = static_cast<std::uint64_t>(block);
      sign(java.region() + ring::offset_of(gift), gift, 512);
      REQUIRE(retain(block) == 0);
      given[producer].store(gift);
      // Its other reader is done by now, most often: the block is free, and the next one to be acquired.
      if (held != 0) {
        if (!is_signed(own + ring::offset_of(held), held, 512)) ++damaged;
        if (release(static_cast<std::int64_t>(held)) != 0) ++damaged;
      }
      held = gift;
    }
    return any;
  };
  const auto all_taken = [&] {
    for (const int count : taken) {
      if (count < kPosts) return false;
    }
    return true;
  };
  const auto nothing_posted = [&] {
    for (const Place& place : posted) {
      if (place.load() != 0) return false;
    }
    return true;
  };
  java.set_timer(1, 1, 60 * kSecond);
  int sleeps = 0;
  while (!all_taken() && java.count(ring::kTimer) == 0) {
    if (take()) continue;
    sleeping.store(1);
    const bool empty = nothing_posted();
    sleeps += empty ? 1 : 0;
    java.turn(empty ? -1 : 0);
    sleeping.store(0);
  }
  stop = true;
  nudging = false;
  nudger.join();
  for (std::thread& producer : producers) producer.join();
  CHECK_MESSAGE(java.count(ring::kTimer) == 0, "a wake-up was lost");
  CHECK(sleeps > 0);
  CHECK(damaged == 0);
  for (Place& place : posted) {
    if (const std::uint64_t left = place.exchange(0); left != 0) CHECK(release(static_cast<std::int64_t>(left)) == 0);
  }
  for (Place& place : given) {
    if (const std::uint64_t left = place.exchange(0); left != 0) CHECK(release(static_cast<std::int64_t>(left)) == 0);
  }
  if (held != 0) CHECK(release(static_cast<std::int64_t>(held)) == 0);
  java.cancel_timer(1, 1);
  settle(java);
  CHECK(java.counter(ring::kBlocksInUse) == 0);
}

TEST_CASE("every socket that is handed over is taken once, given back, or closed") {
  constexpr int kGivers = 3;
  constexpr int kSockets = 2'000;
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 5; ++round) {
    HandOff hand_off;
    std::atomic<int> given{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> givers;
    for (int giver = 0; giver < kGivers; ++giver) {
      givers.emplace_back([&] {
        for (int number = 0; number < kSockets; ++number) {
          const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
          if (hand_off.give(fd, {})) {
            ++given;
          } else {
            ++refused;
            ::close(fd);
          }
        }
      });
    }
    int taken = 0;
    const auto take = [&](int fd, const os::Address&) {
      ++taken;
      CHECK(::close(fd) == 0);
    };
    // The last round's owner goes while it is still given sockets.
    const int enough = round == 4 ? kSockets : kGivers * kSockets;
    while (taken + refused < enough) hand_off.take_all(take);
    hand_off.close();
    for (std::thread& giver : givers) giver.join();
    CHECK(given + refused == kGivers * kSockets);
    CHECK(taken <= given);
    if (round != 4) CHECK(taken == given);
    CHECK(open_descriptors() == before);
  }
}

TEST_SUITE_END();

}  // namespace millrace::engine::test
