// SPDX-License-Identifier: Apache-2.0
//
// The checked mode: each message in a block of its own, and freed blocks filled before they rest.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/poison.hpp"
#include "java_half.hpp"
#include "memory/block_pool.hpp"

namespace millrace::engine::test {

namespace {

ring::LoopOptions checked_options() {
  ring::LoopOptions options = test_options();
  options.checked = 1;
  return options;
}

}  // namespace

TEST_CASE("checked: messages of one receive lie in blocks of their own, and are echoed right") {
  for (const JavaHalf::Echo how : {JavaHalf::Echo::borrowed, JavaHalf::Echo::retained, JavaHalf::Echo::staged}) {
    JavaHalf java(checked_options());
    java.echo = how;
    std::set<std::uint64_t> addresses;
    java.on_event = [&](const Event& event) {
      if (event.record.type != ring::kMessage) return;
      CHECK((event.record.flags & ring::kInBlock) != 0);
      CHECK(engine::capacity(static_cast<std::int64_t>(event.record.address)) >= event.record.length);
      addresses.insert(event.record.address);
    };
    Client client = Client::tcp(java.listen());
    open_connection(java, client);
    std::string stream;
    std::vector<std::string> payloads;
    for (const std::size_t size : {0, 1, 125, 126, 5000, 300, 70'000}) {
      payloads.push_back(pattern(size, size));
      stream += client_frame(kBinary, payloads.back());
    }
    client.write(stream);
    for (const std::string& payload : payloads) {
      const bool same = next_frame(java, client).payload == payload;
      CHECK_MESSAGE(same, "length ", payload.size());
    }
    CHECK(addresses.size() == payloads.size());
    client.close();
    java.events.clear();
    expect_idle(java);
  }
}

TEST_CASE("checked: what was delivered is filled when the turn is over, and not used again soon") {
  JavaHalf java(checked_options());
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  const std::uint8_t* seen = nullptr;
  std::size_t length = 0;
  std::vector<std::uint64_t> addresses;
  java.on_event = [&](const Event& event) {
    if (event.record.type != ring::kMessage) return;
    if (seen == nullptr) seen = java.region() + ring::offset_of(event.record.address);
    length = event.record.length;
    addresses.push_back(event.record.address);
  };
  constexpr int kMessages = 100;
  for (int index = 0; index < kMessages; ++index) {
    client.write(client_frame(kText, "somebody's secret"));
    const std::size_t before = addresses.size();
    REQUIRE(pump(java, {&client}, [&] { return addresses.size() > before; }));
  }
  settle(java);
  CHECK(std::set<std::uint64_t>(addresses.begin(), addresses.end()).size() == kMessages);
  REQUIRE(seen != nullptr);
  if (!base::kPoisons) {
    CHECK(std::all_of(seen, seen + length, [](std::uint8_t byte) { return byte == memory::BlockPool::kFreed; }));
  }
  client.close();
  java.events.clear();
  expect_idle(java);
}

}  // namespace millrace::engine::test
