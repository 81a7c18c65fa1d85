// SPDX-License-Identifier: Apache-2.0
#include "verify/schema.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "oracle/oracle.hpp"
#include "verify/schemas.hpp"
#include "verify/walk.hpp"

namespace millrace::verify {
namespace {

using tests::Buffer;
using tests::Oracle;

const Oracle& oracle(std::string_view name) {
  for (const Oracle& each : tests::oracles()) {
    if (each.name == name) return each;
  }
  FAIL("no such schema");
  return tests::oracles().front();
}

Buffer bfbs(std::string_view name) {
  const auto from = oracle(name).bfbs;
  return {from.begin(), from.end()};
}

/// From a copy of exactly the schema's length. What can be loaded is walked with, whatever it says.
Refusal load_exactly(const Buffer& schema, const Buffer& buffer) {
  const auto exact = std::make_unique<std::uint8_t[]>(schema.size());
  if (!schema.empty()) std::memcpy(exact.get(), schema.data(), schema.size());
  SchemaPointer made;
  const Refusal refusal = load(exact.get(), schema.size(), {}, &made);
  CHECK((made != nullptr) == (refusal == Refusal::none));
  if (made == nullptr) return refusal;
  Trace trace;
  const Fault fault = walk(*made, buffer.data(), buffer.size(), &trace);
  char text[200];
  CHECK(trace.describe(*made, fault, text, sizeof text) <= sizeof text);
  return refusal;
}

/// The schema with the first `before` in it replaced, its length too: strings have it in front.
Buffer renamed(Buffer schema, std::string_view before, std::string_view after) {
  REQUIRE(after.size() <= before.size());
  const auto found = std::search(schema.begin(), schema.end(), before.begin(), before.end());
  REQUIRE(found != schema.end());
  std::fill_n(found, before.size(), std::uint8_t{0});
  std::copy(after.begin(), after.end(), found);
  base::store(&*found - 4, static_cast<std::uint32_t>(after.size()));
  return schema;
}

TEST_CASE("the schemas that flatc writes") {
  for (const Oracle& each : tests::oracles()) {
    CHECK(load_exactly({each.bfbs.begin(), each.bfbs.end()}, each.good.front()) == Refusal::none);
  }
}

TEST_CASE("fields are in the order of the vtable, with their names") {
  SchemaPointer made;
  const Buffer from = bfbs("order");
  REQUIRE(load(from.data(), from.size(), {}, &made) == Refusal::none);
  CHECK(made->name(made->root_name) == "Order");
  CHECK(std::memcmp(made->identifier, "ORDR", 4) == 0);
  const Table& order = made->tables[made->root];
  std::string names;
  for (std::uint32_t i = order.first; i != order.first + order.count; ++i) {
    names.append(made->name(made->fields[i].name)).append(" ");
    CHECK(made->fields[i].offset == 4 + 2 * (i - order.first));
  }
  CHECK(names == "id symbol side quantity price legs tags fills note ");
}

TEST_CASE("what is refused") {
  SchemaPointer made;
  const Buffer order = bfbs("order");
  CHECK(load(order.data(), 0, {}, &made) == Refusal::not_a_schema);
  CHECK(load(order.data(), kMaxSchemaBytes + 1, {}, &made) == Refusal::too_large);
  CHECK(load(order.data(), order.size(), {.max_depth = 0}, &made) == Refusal::bad_limits);
  CHECK(load(order.data(), order.size(), {.max_depth = kMaxDepth + 1}, &made) == Refusal::bad_limits);
  CHECK(load(order.data(), order.size(), {.max_tables = 0}, &made) == Refusal::bad_limits);
  CHECK(load(order.data(), order.size(), {.max_tables = 0x80000000}, &made) == Refusal::bad_limits);
  const Buffer& buffer = oracle("order").good.front();
  CHECK(load_exactly(buffer, buffer) == Refusal::not_a_schema);  // a FlatBuffer, but no schema
  CHECK(load_exactly(renamed(bfbs("monster"), "nested_flatbuffer", "flexbuffer"), buffer) == Refusal::unsupported);
  CHECK(load_exactly(renamed(bfbs("monster"), "nested_flatbuffer", "another"), buffer) == Refusal::none);

  // The root's slot of root_table, and then a type that there is not.
  Buffer rootless = order;
  const auto root = base::load<std::uint32_t>(order.data());
  const std::size_t vtable = root - static_cast<std::size_t>(base::load<std::int32_t>(&order[root]));
  base::store<std::uint16_t>(&rootless[vtable + 12], 0);
  CHECK(load_exactly(rootless, buffer) == Refusal::no_root);
}

TEST_CASE("every truncation of a schema") {
  const Buffer order = bfbs("order");
  for (std::size_t length = 0; length != order.size(); ++length) {
    load_exactly(Buffer(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(length)),
                 oracle("order").good.back());
  }
}

TEST_CASE("every byte of a schema with a few values") {
  for (const Oracle& each : tests::oracles()) {
    Buffer schema(each.bfbs.begin(), each.bfbs.end());
    for (std::uint8_t& byte : schema) {
      const std::uint8_t before = byte;
      for (const int change : {1, -1, 0x80}) {
        byte = static_cast<std::uint8_t>(before + change);
        load_exactly(schema, each.good.back());
      }
      byte = before;
    }
  }
}

TEST_CASE("schemas by handle") {
  const Oracle& of = oracle("order");
  const Buffer& buffer = of.good.back();
  const int handle = keep(of.bfbs.data(), of.bfbs.size(), {});
  REQUIRE(handle >= 0);
  CHECK(judge(handle, buffer.data(), buffer.size()) == 0);
  CHECK(judge(handle, nullptr, 0) == -EINVAL);
  CHECK(judge(handle, buffer.data(), 11) == static_cast<int>(Fault::buffer_too_short));
  char text[100];
  std::size_t described = 1;
  CHECK(judge(handle, buffer.data(), 11, text, sizeof text, &described) == 1);
  CHECK(std::string_view(text, described) == "Order: buffer too short");
  CHECK(judge(handle, buffer.data(), buffer.size(), text, sizeof text, &described) == 0);
  CHECK(described == 0);
  CHECK(forget(handle) == 0);
  CHECK(forget(handle) == -EBADF);
  CHECK(judge(handle, buffer.data(), buffer.size()) == -EBADF);
  const int next = keep(of.bfbs.data(), of.bfbs.size(), {});
  CHECK(next >= 0);
  CHECK(next != handle);
  CHECK(forget(next) == 0);
  CHECK(keep(buffer.data(), buffer.size(), {}) == -EINVAL);
  CHECK(keep(nullptr, 0, {}) == -EINVAL);
  CHECK(find(-1) == nullptr);
}

TEST_CASE("there are 4,096 places") {
  const auto of = oracle("tree").bfbs;
  std::vector<int> handles;
  for (;;) {
    const int handle = keep(of.data(), of.size(), {});
    if (handle < 0) {
      CHECK(handle == -EMFILE);
      break;
    }
    handles.push_back(handle);
  }
  CHECK(handles.size() == 4096);
  for (const int handle : handles) CHECK(forget(handle) == 0);
}

TEST_SUITE_BEGIN("threads");

TEST_CASE("threads load, verify and forget beside each other") {
  const Oracle& of = oracle("order");
  std::atomic<int> failures{0};
  const int shared = keep(of.bfbs.data(), of.bfbs.size(), {});
  std::vector<std::thread> threads;
  for (int i = 0; i != 4; ++i) {
    threads.emplace_back([&of, &failures, shared] {
      const Buffer& buffer = of.good.back();
      for (int run = 0; run != 200; ++run) {
        const int own = keep(of.bfbs.data(), of.bfbs.size(), {});
        const bool fine = judge(own, buffer.data(), buffer.size()) == 0 &&
                          judge(shared, buffer.data(), buffer.size()) == 0 && forget(own) == 0 &&
                          judge(own, buffer.data(), buffer.size()) == -EBADF;
        if (!fine) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(forget(shared) == 0);
}

TEST_SUITE_END();

}  // namespace
}  // namespace millrace::verify
