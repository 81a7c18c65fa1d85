// SPDX-License-Identifier: Apache-2.0
#include "loop/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

namespace millrace::loop {

namespace {

constexpr std::int64_t kMilli = 1'000'000;
constexpr std::int64_t kDay = 86'400'000 * kMilli;

/// A wheel and the plain truth beside it.
struct Checked {
  explicit Checked(std::int64_t start, std::uint32_t capacity = 4096) : now(start) {
    REQUIRE(wheel.open(capacity, start) == 0);
  }

  TimerWheel::Id set(std::int64_t deadline) {
    const std::uint32_t owner = next_owner++;
    const TimerWheel::Id id = wheel.set(deadline, {owner, ~owner, 3});
    if (id == TimerWheel::kNoTimer) return id;
    CHECK(wheel.at(id).owner == owner);
    REQUIRE(!live.contains(owner));
    live[owner] = {deadline, id};
    return id;
  }

  void cancel(std::uint32_t owner) {
    wheel.cancel(live.at(owner).id);
    live.erase(owner);
  }

  /// Goes to `to`, as a loop that waits does: every time something is due it is looked after.
  void advance(std::int64_t to) {
    now = to;
    check_until_next();
    Timer timer;
    while (wheel.take_due(now, &timer)) {
      REQUIRE(live.contains(timer.owner));
      REQUIRE(timer.generation == ~timer.owner);
      REQUIRE(timer.kind == 3);
      REQUIRE_MESSAGE(live[timer.owner].deadline <= now, "early");
      live.erase(timer.owner);
    }
    for (const auto& [owner, entry] : live) {
      REQUIRE_MESSAGE(entry.deadline > now - 2 * kMilli, "late");
    }
    REQUIRE(wheel.in_use() == live.size());
    check_until_next();
  }

  void check_until_next() {
    const std::int64_t until = wheel.until_next(now);
    if (live.empty()) {
      REQUIRE(until == -1);
      return;
    }
    REQUIRE(until >= 0);
    std::int64_t earliest = INT64_MAX;
    for (const auto& [owner, entry] : live) earliest = std::min(earliest, entry.deadline);
    // A deadline is rounded up to the wheel's millisecond.
    REQUIRE(until <= std::max<std::int64_t>(0, earliest - now) + kMilli);
  }

  /// Sleeps as long as the wheel says, again and again, until nothing is left or so many steps were made.
  void run_dry(int steps) {
    for (int step = 0; step < steps && !live.empty(); ++step)
      advance(now + std::max<std::int64_t>(wheel.until_next(now), 0));
  }

  struct Entry {
    std::int64_t deadline;
    TimerWheel::Id id;
  };
  TimerWheel wheel;
  std::int64_t now;
  std::uint32_t next_owner = 0;
  std::map<std::uint32_t, Entry> live;
};

/// Where clocks stand when levels turn over: powers of 64 milliseconds, and the end of the top level's round.
const std::int64_t kStarts[] = {0,
                                1,
                                63 * kMilli,
                                64 * kMilli - 1,
                                4095 * kMilli,
                                (std::int64_t{1} << 18) * kMilli - kMilli,
                                (std::int64_t{1} << 24) * kMilli - 1,
                                (std::int64_t{1} << 30) * kMilli - 3 * kMilli,
                                (std::int64_t{1} << 30) * kMilli * 5 - 1,
                                400 * kDay + 12'345'678};

}  // namespace

TEST_CASE("a single timer at every distance: never early, at most 2 ms late") {
  for (const std::int64_t start : kStarts) {
    for (unsigned bits = 0; bits < 52; ++bits) {
      for (const std::int64_t offset : {-1, 0, 1}) {
        const std::int64_t delay = std::max<std::int64_t>(0, (std::int64_t{1} << bits) + offset * kMilli);
        CAPTURE(start);
        CAPTURE(delay);
        Checked checked(start);
        checked.set(start + delay);
        // Just before it nothing may fire, whatever was sorted on the way.
        checked.run_dry(1);
        if (checked.now < start + delay - 1 && !checked.live.empty()) checked.advance(start + delay - 1);
        if (delay > 0) REQUIRE((checked.live.size() == 1 || checked.now >= start + delay));
        checked.advance(start + delay + 2 * kMilli);
        REQUIRE(checked.live.empty());
      }
    }
  }
}

TEST_CASE("waiting as long as the wheel says is enough, and takes few steps") {
  for (const std::int64_t start : kStarts) {
    Checked checked(start);
    for (const std::int64_t delay : {std::int64_t{0}, 5 * kMilli, 64 * kMilli, 5'000 * kMilli, kDay, 11 * kDay,
                                     13 * kDay, 100 * kDay, 1000 * kDay}) {
      checked.set(start + delay);
    }
    // A thousand days are 80 rounds of the top level; each timer moves down a level at a time.
    checked.run_dry(400);
    CHECK(checked.live.empty());
  }
}

TEST_CASE("timers beyond twelve days wait their time") {
  Checked checked(1'000 * kMilli);
  for (int day = 10; day < 60; ++day) checked.set(checked.now + day * kDay);
  for (int day = 1; day <= 61; ++day) checked.advance(checked.now + kDay);
  CHECK(checked.live.empty());
}

TEST_CASE("a deadline that has passed fires at once or a millisecond later") {
  Checked checked(10 * kDay);
  checked.set(checked.now);
  checked.set(checked.now - kDay);
  checked.set(-5);
  checked.set(0);
  checked.advance(checked.now + kMilli);
  CHECK(checked.live.empty());
}

TEST_CASE("timers of one millisecond all come, also when some are cancelled from the middle") {
  Checked checked(5 * kMilli);
  for (int timer = 0; timer < 100; ++timer) checked.set(50 * kMilli);
  for (std::uint32_t owner = 0; owner < 100; owner += 3) checked.cancel(owner);
  checked.advance(49 * kMilli);
  CHECK(checked.live.size() == 66);
  checked.advance(52 * kMilli);
  CHECK(checked.live.empty());
}

TEST_CASE("a full wheel refuses, and has room again") {
  Checked checked(0, 10);
  for (int timer = 0; timer < 10; ++timer) CHECK(checked.set(kMilli * timer) != TimerWheel::kNoTimer);
  CHECK(checked.set(kMilli) == TimerWheel::kNoTimer);
  checked.cancel(3);
  CHECK(checked.set(kMilli) != TimerWheel::kNoTimer);
  checked.advance(20 * kMilli);
  CHECK(checked.wheel.in_use() == 0);
}

TEST_CASE("setting from inside the drain: a timer set for now does not starve the loop") {
  Checked checked(kDay);
  checked.set(checked.now);
  int fired = 0;
  Timer timer;
  checked.now += 5 * kMilli;
  while (checked.wheel.take_due(checked.now, &timer)) {
    checked.live.erase(timer.owner);
    REQUIRE(++fired < 100);
    if (fired < 50) checked.set(checked.now);
  }
  // The one set while draining is due a millisecond on: deadlines round up.
  CHECK(fired <= 2);
  checked.advance(checked.now + 2 * kMilli);
}

TEST_CASE("a wheel against a model: random sets, cancels and steps at every scale") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto any_delay = [&] { return static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 52))); };
  for (const std::int64_t start : kStarts) {
    CAPTURE(start);
    Checked checked(start, 200);
    for (int step = 0; step < 4'000; ++step) {
      switch (random() % 4) {
        case 0:
        case 1:
          checked.set(checked.now + any_delay());
          break;
        case 2:
          if (checked.live.empty()) break;
          {
            auto at = checked.live.begin();
            std::advance(at, static_cast<std::ptrdiff_t>(random() % checked.live.size()));
            checked.cancel(at->first);
          }
          break;
        default:
          if (random() % 2 == 0) {
            checked.advance(checked.now + std::max<std::int64_t>(checked.wheel.until_next(checked.now), 0));
          } else {
            checked.advance(checked.now + any_delay() / 4);
          }
      }
    }
    checked.run_dry(20'000);
    CHECK(checked.live.empty());
  }
}

}  // namespace millrace::loop
