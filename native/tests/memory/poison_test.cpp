// SPDX-License-Identifier: Apache-2.0
//
// In a sanitizer build what is free is poisoned by hand: a child process touches it and must be stopped. In other
// builds the same children live on, so that the test tells that it is the poisoning which stops them.
#include "base/poison.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "memory/block_pool.hpp"
#include "memory/bump.hpp"
#include "memory/slab.hpp"
#include "os/os.hpp"

namespace millrace::memory {

namespace {

using base::kPoisons;

constexpr int kLivedOn = 42;

/// What a child that does this tells on its way out, and how it ended.
std::pair<std::string, int> in_child(const std::function<void()>& act) {
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(pipe_fds[1], STDERR_FILENO);
    act();
    ::_exit(kLivedOn);
  }
  ::close(pipe_fds[1]);
  std::string told;
  char bytes[4096];
  for (ssize_t count = ::read(pipe_fds[0], bytes, sizeof bytes); count > 0;
       count = ::read(pipe_fds[0], bytes, sizeof bytes)) {
    told.append(bytes, static_cast<std::size_t>(count));
  }
  ::close(pipe_fds[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return {told, status};
}

void expect_lives(const std::function<void()>& act) {
  const auto [told, status] = in_child(act);
  CAPTURE(told);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == kLivedOn));
}

void expect_stopped(const std::function<void()>& act) {
  if (!kPoisons) {
    expect_lives(act);
    return;
  }
  const auto [told, status] = in_child(act);
  CAPTURE(told);
  CHECK(!(WIFEXITED(status) && WEXITSTATUS(status) == kLivedOn));
  CHECK(told.find("use-after-poison") != std::string::npos);
}

volatile std::uint8_t sink;

void look(const void* at) { sink = *static_cast<const volatile std::uint8_t*>(at); }

struct Object {
  std::uint64_t seen;
  std::uint64_t hidden;
  std::uint32_t next_free;
};

}  // namespace

TEST_CASE("a free slab entry is poisoned behind what may be looked at; a live one is not") {
  Slab<Object, 8> slab;
  REQUIRE(slab.open(100) == 0);
  const std::uint32_t index = slab.allocate();
  expect_lives([&] { look(&slab[index].hidden); });
  // Never handed out.
  expect_stopped([&] { look(&slab[50].seen); });
  slab.release(index);
  expect_lives([&] { look(&slab[index].seen); });
  expect_stopped([&] { look(&slab[index].hidden); });
  CHECK(slab.allocate() == index);
  expect_lives([&] { look(&slab[index].hidden); });
}

TEST_CASE("a bump area is poisoned from its position on") {
  std::vector<std::uint8_t> bytes(1024);
  Bump bump(bytes.data(), bytes.size());
  std::uint8_t* const taken = bump.allocate(64);
  expect_lives([&] { look(taken + 63); });
  expect_stopped([&] { look(taken + 64); });
  std::uint8_t* const open = bump.begin_write(128);
  expect_lives([&] { look(open + 127); });
  bump.end_write(128);
  expect_stopped([&] { look(open); });
  CHECK(bump.allocate(32) == open);
  expect_lives([&] { look(open + 31); });
  bump.reset();
  expect_stopped([&] { look(taken); });
  bump.release();
}

TEST_CASE("a free block is poisoned, whoever places it") {
  for (const auto& [allocator, checked] : {std::pair{Allocator::blocks, false},
                                           {Allocator::general, false},
                                           {Allocator::blocks, true},
                                           {Allocator::general, true}}) {
    void* start = nullptr;
    constexpr std::size_t kLength = 4 << 20;
    REQUIRE(os::map_pages(kLength, 2 << 20, &start) == 0);
    auto* const base = static_cast<std::uint8_t*>(start);
    BlockPool pool;
    REQUIRE(pool.open(base, 1 << 20, kLength, allocator) == 0);
    if (checked) REQUIRE(pool.check() == 0);
    for (const std::size_t length : {std::size_t{256}, std::size_t{128} << 10}) {
      const auto offset = static_cast<std::uint64_t>(pool.acquire(length));
      expect_lives([&] { look(base + offset + length - 1); });
      REQUIRE(pool.release(offset) == BlockPool::Release::last);
      pool.free(offset);
      expect_stopped([&] { look(base + offset); });
      expect_stopped([&] { look(base + offset + length - 1); });
    }
    pool.close();
    base::unpoison(base, kLength);
    os::unmap_pages(base, kLength);
  }
}

}  // namespace millrace::memory
