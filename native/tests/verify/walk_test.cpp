// SPDX-License-Identifier: Apache-2.0
#include "verify/walk.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "oracle/oracle.hpp"

namespace millrace::verify {
namespace {

using tests::Buffer;
using tests::Oracle;

const Oracle& oracle(std::string_view name) {
  const auto& all = tests::oracles();
  const auto found = std::find_if(all.begin(), all.end(), [name](const Oracle& each) { return each.name == name; });
  REQUIRE(found != all.end());
  return *found;
}

SchemaPointer schema(std::string_view name, const Limits& limits = {}) {
  SchemaPointer made;
  const Oracle& from = oracle(name);
  REQUIRE(load(from.bfbs.data(), from.bfbs.size(), limits, &made) == Refusal::none);
  return made;
}

/// The verdict as text, "" where the walk accepts; from a copy of exactly the buffer's length.
std::string verdict(const Schema& schema, const std::uint8_t* bytes, std::size_t length) {
  const auto exact = std::make_unique<std::uint8_t[]>(length);
  if (length != 0) std::memcpy(exact.get(), bytes, length);
  Trace trace;
  const Fault fault = walk(schema, exact.get(), length, &trace);
  CHECK(fault == walk(schema, exact.get(), length));
  if (fault == Fault::none) return {};
  char text[4096];
  return {text, trace.describe(schema, fault, text, sizeof text)};
}

std::string verdict(const Schema& schema, const Buffer& buffer) {
  return verdict(schema, buffer.data(), buffer.size());
}

/// A buffer of one table and whatever lies behind it:
///
///     0 root   4 identifier   8 vtable: size, size of the table, slots   table: vtable, words...
///
/// A slot of 4 is the table's first word, 8 the second. Offsets in words count from the word itself.
Buffer hand_made(std::string_view identifier, std::initializer_list<std::uint16_t> slots,
                 std::initializer_list<std::uint32_t> words) {
  Buffer made(8);
  std::copy(identifier.begin(), identifier.end(), made.begin() + 4);
  const auto add = [&made](auto number) {
    made.resize(made.size() + sizeof number);
    base::store(&made[made.size() - sizeof number], number);
  };
  add(static_cast<std::uint16_t>(4 + 2 * slots.size()));
  add(static_cast<std::uint16_t>(4 + 4 * words.size()));
  for (const std::uint16_t slot : slots) add(slot);
  if (made.size() % 4 != 0) add(std::uint16_t{0});
  const auto table = static_cast<std::uint32_t>(made.size());
  base::store(made.data(), table);
  add(table - 8);
  for (const std::uint32_t word : words) add(word);
  return made;
}

constexpr std::uint32_t kAbc = 0x00636261;

struct Example {
  Buffer buffer;
  std::string_view expected;
};

template <std::size_t count>
void check(std::string_view name, const Limits& limits, const Example (&examples)[count]) {
  const SchemaPointer made = schema(name, limits);
  for (const Example& example : examples) CHECK(verdict(*made, example.buffer) == example.expected);
}

// ---- Node: name 0, value 1, left 2, right 3, children 4, samples 5, labels 6

Buffer node(std::initializer_list<std::uint16_t> slots, std::initializer_list<std::uint32_t> words) {
  return hand_made("", slots, words);
}

/// The bytes at `at` replaced.
template <class T>
Buffer with(Buffer buffer, std::size_t at, T number) {
  base::store(&buffer[at], number);
  return buffer;
}

TEST_CASE("the buffer and its root") {
  const Buffer empty = node({}, {});  // root 0, vtable 8, table 12
  REQUIRE(empty.size() == 16);
  const Example examples[] = {
      {empty, ""},
      {Buffer(), "Node: buffer too short"},
      {Buffer(11), "Node: buffer too short"},
      {Buffer(12), "Node: offset is zero"},
      {with<std::uint32_t>(empty, 0, 13), "Node: table past end"},
      {with<std::uint32_t>(empty, 0, 0xffffffff), "Node: table past end"},
      {with<std::uint32_t>(empty, 0, 10), "Node: table misaligned"},
      {with<std::uint32_t>(empty, 12, 13), "Node: vtable past end"},
      {with<std::uint32_t>(empty, 12, 0xfffffffe), "Node: vtable malformed"},  // lies over the table itself
      {with<std::uint32_t>(empty, 12, 0xfffffffc), "Node: vtable past end"},
      {with<std::uint32_t>(empty, 12, 0x80000000), "Node: vtable past end"},
      {with<std::uint32_t>(empty, 12, 5), "Node: vtable misaligned"},
      {with<std::uint16_t>(empty, 8, 2), "Node: vtable malformed"},
      {with<std::uint16_t>(empty, 8, 5), "Node: vtable malformed"},
      {with<std::uint16_t>(empty, 8, 0x8000), "Node: vtable malformed"},
      {with<std::uint16_t>(empty, 8, 10), "Node: vtable past end"},
      {with<std::uint16_t>(empty, 8, 0x7ffe), "Node: vtable past end"},
  };
  check("tree", {}, examples);
}

TEST_CASE("a length that no FlatBuffer has is refused before anything is read") {
  const SchemaPointer made = schema("tree");
  const std::uint8_t byte = 0;
  CHECK(walk(*made, &byte, 0x7fffffff) == Fault::buffer_too_long);
  CHECK(walk(*made, &byte, std::size_t{1} << 40) == Fault::buffer_too_long);
}

TEST_CASE("fields, scalars and strings") {
  const Example examples[] = {
      {node({0, 4}, {7}), ""},
      {node({0, 8}, {7}), "Node.value: field past end"},
      {node({0, 0x7ffc}, {7}), "Node.value: field past end"},
      {node({0, 0x8000}, {7}), "Node.value: field offset too large"},
      {node({0, 6}, {7, 8}), "Node.value: field misaligned"},
      {node({4}, {4, 3, kAbc}), ""},
      {node({4}, {4, 0, 0}), ""},
      {node({4}, {0, 3, kAbc}), "Node.name: offset is zero"},
      {node({4}, {12, 3, kAbc}), "Node.name: string past end"},
      {node({4}, {9, 3, kAbc}), "Node.name: string past end"},
      {node({4}, {0x80000000, 3, kAbc}), "Node.name: string past end"},
      {node({4}, {5, 0, 0, 0}), "Node.name: string misaligned"},
      {node({4}, {4, 8, kAbc}), "Node.name: string past end"},
      {node({4}, {4, 0xffffffff, kAbc}), "Node.name: string past end"},
      {node({4}, {4, 4, kAbc}), "Node.name: string not terminated"},
      {node({4}, {4, 2, kAbc}), "Node.name: string not terminated"},
  };
  check("tree", {}, examples);
}

TEST_CASE("vectors of scalars, strings and tables") {
  const Example examples[] = {
      {node({0, 0, 0, 0, 0, 4}, {8, 0, 2, 1, 2, 3, 4}), ""},
      {node({0, 0, 0, 0, 0, 4}, {4, 0}), ""},
      {node({0, 0, 0, 0, 0, 4}, {0, 0}), "Node.samples: offset is zero"},
      {node({0, 0, 0, 0, 0, 4}, {6, 0, 0}), "Node.samples: vector misaligned"},
      {node({0, 0, 0, 0, 0, 4}, {4, 1, 0, 0}), "Node.samples: vector misaligned"},
      {node({0, 0, 0, 0, 0, 4}, {8, 0}), "Node.samples: vector past end"},
      {node({0, 0, 0, 0, 0, 4}, {8, 0, 2, 1, 2, 3}), "Node.samples: vector past end"},
      {node({0, 0, 0, 0, 0, 4}, {8, 0, 0x10000001, 1, 2}), "Node.samples: vector past end"},
      {node({0, 0, 0, 0, 0, 4}, {8, 0, 0xffffffff, 1, 2}), "Node.samples: vector past end"},
      {node({0, 0, 0, 0, 0, 0, 4}, {4, 2, 8, 4, 3, kAbc}), ""},
      {node({0, 0, 0, 0, 0, 0, 4}, {4, 2, 8, 0, 3, kAbc}), "Node.labels[1]: offset is zero"},
      {node({0, 0, 0, 0, 0, 0, 4}, {4, 2, 8, 9, 3, kAbc}), "Node.labels[1]: string past end"},
      {node({0, 0, 0, 0, 0, 0, 4}, {4, 2, 8, 4, 4, kAbc}), "Node.labels[0]: string not terminated"},
      {node({0, 0, 0, 0, 0, 0, 4}, {4, 5, 8, 4, 3, kAbc}), "Node.labels: vector past end"},
      {node({0, 0, 0, 0, 4}, {4, 1, 0, 36}), "Node.children[0]: offset is zero"},
      {node({0, 0, 0, 0, 4}, {4, 1, 2, 36}), "Node.children[0]: table misaligned"},
      {node({0, 0, 4}, {8, 0}), "Node.left: table past end"},
  };
  check("tree", {}, examples);
  const SchemaPointer made = schema("tree");
  // A child whose vtable is an empty one before the root's.
  Buffer child = node({0, 0, 0, 0, 4}, {4, 1, 4, 0, 0x00040004});
  const auto at = static_cast<std::uint32_t>(child.size() - 8);
  CHECK(verdict(*made, with<std::int32_t>(child, at, -4)) == "");
  CHECK(verdict(*made, with<std::int32_t>(child, at, -3)) == "Node.children[0]: vtable misaligned");
  CHECK(verdict(*made, with<std::int32_t>(child, at, 1000)) == "Node.children[0]: vtable past end");
  // The path of a fault in it: its name lies in no place that there is.
  child.resize(child.size() + 4);
  base::store<std::uint32_t>(&child[at + 4], 0x00040006);
  base::store<std::uint16_t>(&child[at + 8], 100);
  CHECK(verdict(*made, with<std::int32_t>(child, at, -4)) == "Node.children[0].name: field past end");
}

// ---- limits

/// `count` tables, each the left one of the one before.
Buffer chain(std::uint32_t count) {
  Buffer made(8 + 12 + 8 * std::size_t{count});
  base::store<std::uint32_t>(made.data(), 20);
  const std::uint16_t vtable[] = {10, 8, 0, 0, 4, 0};
  std::memcpy(&made[8], vtable, sizeof vtable);
  for (std::uint32_t i = 0; i != count; ++i) {
    const std::uint32_t at = 20 + 8 * i;
    base::store(&made[at], at - 8);
    base::store<std::uint32_t>(&made[at + 4], 4);
  }
  // The last one has an empty vtable, which ends in the two bytes of padding behind the first.
  const std::uint32_t last = 20 + 8 * (count - 1);
  made.resize(made.size() + 4);
  base::store<std::int32_t>(&made[last], -4);
  base::store<std::uint32_t>(&made[last + 4], 0x00040004);
  return made;
}

TEST_CASE("tables in tables") {
  const auto left = [](std::size_t times) {
    std::string path = "Node";
    while (times-- > 0) path += ".left";
    return path;
  };
  CHECK(verdict(*schema("tree"), chain(64)) == "");
  CHECK(verdict(*schema("tree"), chain(65)) == left(64) + ": too deep");
  CHECK(verdict(*schema("tree", {.max_depth = 1}), chain(1)) == "");
  CHECK(verdict(*schema("tree", {.max_depth = 1}), chain(2)) == "Node.left: too deep");
  CHECK(verdict(*schema("tree", {.max_depth = kMaxDepth}), chain(kMaxDepth)) == "");
  CHECK(verdict(*schema("tree", {.max_depth = kMaxDepth}), chain(kMaxDepth + 1)) == left(kMaxDepth) + ": too deep");
  CHECK(verdict(*schema("tree", {.max_tables = 9}), chain(9)) == "");
  CHECK(verdict(*schema("tree", {.max_tables = 9}), chain(10)) == left(9) + ": too many tables");
}

TEST_CASE("parts that other parts share are checked again and again, up to a limit") {
  // `children` has so many references to one child, whose `labels` has so many to one string.
  const auto shared = [](std::uint32_t children, std::uint32_t labels) {
    Buffer made = node({0, 0, 0, 0, 4, 0, 0}, {4});
    const auto add = [&made](std::uint32_t word) {
      made.resize(made.size() + 4);
      base::store(&made[made.size() - 4], word);
    };
    add(children);
    for (std::uint32_t i = 0; i != children; ++i) add(4 * (children - i) + 20);  // beyond the child's vtable
    for (const std::uint32_t word : {0x00080012u, 0u, 0u, 0u, 0x00000004u}) add(word);
    add(20);
    add(4);
    add(labels);
    for (std::uint32_t i = 0; i != labels; ++i) add(4 * (labels - i));
    add(3);
    add(kAbc);
    return made;
  };
  const Limits limits{.max_tables = 1000};
  CHECK(verdict(*schema("tree", limits), shared(3, 4)) == "");
  CHECK(verdict(*schema("tree", limits), shared(20, 50)) == "");
  const std::string much = verdict(*schema("tree", limits), shared(100, 100));
  CHECK(much.starts_with("Node.children["));
  CHECK(much.ends_with("].labels: takes too long to check"));
}

/// Node after node, each with so many references to the one behind it.
Buffer cascade(std::uint32_t levels, std::uint32_t references) {
  Buffer made = node({0, 0, 0, 0, 4, 0, 0}, {4});
  const std::size_t vtable = 8;
  const auto add = [&made](std::size_t word) {
    made.resize(made.size() + 4);
    base::store(&made[made.size() - 4], static_cast<std::uint32_t>(word));
  };
  for (std::uint32_t level = 1; level != levels; ++level) {
    add(references);
    for (std::uint32_t i = 0; i != references; ++i) add(4 * (references - i));
    add(made.size() - vtable);
    add(4);
  }
  add(0);
  return made;
}

TEST_CASE("how long it may take goes by the length: a message of a few bytes is no work for milliseconds") {
  CHECK(verdict(*schema("tree"), cascade(3, 10)) == "");
  const Buffer small = cascade(6, 10);  // 111,111 tables
  REQUIRE(small.size() == 300);
  CHECK(verdict(*schema("tree"), small).ends_with("takes too long to check"));
}

TEST_CASE("nothing takes too long whose parts have one place each") {
  // Nothing has more parts in fewer bytes: a reference and a table of one word each, its vtable is another's.
  Buffer made = node({0, 0, 0, 0, 4}, {4});
  const auto add = [&made](std::size_t word) {
    made.resize(made.size() + 4);
    base::store(&made[made.size() - 4], static_cast<std::uint32_t>(word));
  };
  constexpr std::uint32_t kTables = 100'000;
  add(kTables);
  for (std::uint32_t i = 0; i != kTables; ++i) add(4 * kTables + 4);
  add(0x00040004);  // the vtable of all of them
  for (std::uint32_t i = 0; i != kTables; ++i) add(4 * (i + 1));
  CHECK(verdict(*schema("tree"), made) == "");
  CHECK(verdict(*schema("tree", {.max_tables = kTables + 1}), made) == "");
}

TEST_CASE("text") {
  const auto of = [](std::uint32_t text) { return node({4}, {4, 3, text}); };
  CHECK(verdict(*schema("tree"), of(0x00ff6261)) == "");
  CHECK(verdict(*schema("tree", {.check_utf8 = true}), of(kAbc)) == "");
  CHECK(verdict(*schema("tree", {.check_utf8 = true}), of(0x00ac82e2)) == "");  // the sign of the euro
  CHECK(verdict(*schema("tree", {.check_utf8 = true}), of(0x00ff6261)) == "Node.name: string is not UTF-8");
  CHECK(verdict(*schema("tree", {.check_utf8 = true}), of(0x00c36261)) == "Node.name: string is not UTF-8");
  CHECK(verdict(*schema("tree", {.check_utf8 = true}), of(0x0080a0ed)) == "Node.name: string is not UTF-8");
}

// ---- Drawing: title 0, frame 1, background_type 2, background 3, (old 4, 5), layers_type 6, layers 7, inset 8

constexpr std::uint32_t kCircle = 1;
constexpr std::uint32_t kCorner = 4;
constexpr std::uint32_t kText = 6;

/// A drawing with a title and no layers, whose slots of the background and the inset are given.
Buffer drawing(std::uint16_t type, std::uint16_t background, std::uint16_t inset,
               std::initializer_list<std::uint32_t> words) {
  Buffer made = hand_made("SHAP", {4, 0, type, background, 0, 0, 12, 16, inset}, {12, 8, 4, 0, 0});
  // Words: title, (no use), layers_type, layers, and an empty string, and vector, of which all are made.
  const std::size_t first = made.size() - 20;
  for (const std::size_t word : {0, 1, 2, 3}) base::store<std::uint32_t>(&made[first + 4 * word], 16 - 4 * word);
  made.resize(made.size() + 4 + 4 * words.size());
  std::size_t at = first + 24;
  for (const std::uint32_t word : words) {
    base::store(&made[at], word);
    at += 4;
  }
  return made;
}

TEST_CASE("the identifier and required fields") {
  const SchemaPointer made = schema("shapes");
  CHECK(verdict(*made, drawing(0, 0, 0, {})) == "");
  CHECK(verdict(*made, with<std::uint8_t>(drawing(0, 0, 0, {}), 5, 'h')) == "Drawing: wrong file identifier");
  CHECK(verdict(*made, with<std::uint16_t>(drawing(0, 0, 0, {}), 12, 0)) == "Drawing.title: required field missing");
  CHECK(verdict(*made, with<std::uint16_t>(drawing(0, 0, 0, {}), 24, 0)) ==
        "Drawing.layers_type: required field missing");
  CHECK(verdict(*made, with<std::uint16_t>(drawing(0, 0, 0, {}), 26, 0)) == "Drawing.layers: required field missing");
  // Deprecated fields are nobody's business.
  CHECK(verdict(*made, with<std::uint16_t>(drawing(0, 0, 0, {}), 20, 0xffff)) == "");
  CHECK(verdict(*made, with<std::uint16_t>(drawing(0, 0, 0, {}), 14, 0x30)) == "Drawing.frame: field past end");
}

TEST_CASE("unions") {
  // The words behind the first five, of which the empty string is the last: slots 28, 32, ...
  const Example examples[] = {
      {drawing(28, 32, 0, {kText, 4, 3, kAbc}), ""},
      {drawing(28, 32, 0, {kText, 4, 4, kAbc}), "Drawing.background: string not terminated"},
      {drawing(28, 32, 0, {kCorner, 4, 0, 0, 0}), ""},
      {drawing(28, 32, 0, {kCorner, 8, 0, 0}), "Drawing.background: struct past end"},
      {drawing(28, 32, 0, {kCorner, 6, 0, 0, 0, 0}), "Drawing.background: struct misaligned"},
      {drawing(28, 32, 0, {kCircle, 8, 0, 0}), "Drawing.background: vtable malformed"},
      {drawing(28, 32, 0, {kCircle, 100, 0}), "Drawing.background: table past end"},
      {drawing(28, 32, 0, {kCircle, 0, 0}), "Drawing.background: offset is zero"},
      {drawing(28, 0, 0, {kCircle}), "Drawing.background: union value missing"},
      {drawing(28, 0, 0, {0}), ""},
      {drawing(28, 0, 0, {77}), ""},
      {drawing(28, 32, 0, {0, 4, 0}), "Drawing.background: union type missing"},
      {drawing(0, 32, 0, {0, 4, 0}), "Drawing.background: union type missing"},
      {drawing(28, 32, 0, {77, 4, 0}), ""},
      {drawing(28, 32, 0, {77, 8, 0}), "Drawing.background: union value past end"},
      {drawing(28, 32, 0, {77, 0, 0}), "Drawing.background: offset is zero"},
  };
  check("shapes", {}, examples);
}

TEST_CASE("vectors of unions") {
  const SchemaPointer made = schema("shapes");
  // layers_type and layers lead to vectors of their own: slots 12 and 16, words 2 and 3.
  const auto layered = [](std::initializer_list<std::uint32_t> words) {
    Buffer buffer = drawing(0, 0, 0, words);
    const std::size_t first = buffer.size() - 4 * words.size() - 24;
    base::store<std::uint32_t>(&buffer[first + 8], 16);   // the first of the words
    base::store<std::uint32_t>(&buffer[first + 12], 20);  // the third
    return buffer;
  };
  CHECK(verdict(*made, layered({1, kText, 1, 4, 3, kAbc})) == "");
  CHECK(verdict(*made, layered({2, kText | kCorner << 8, 2, 8, 4, 3, kAbc})) == "");
  CHECK(verdict(*made, layered({2, kText | kText << 8, 2, 8, 5, 3, kAbc, 0})) ==
        "Drawing.layers[1]: string misaligned");
  CHECK(verdict(*made, layered({2, kText, 1, 4, 3, kAbc})) == "Drawing.layers: union vectors differ in length");
  CHECK(verdict(*made, layered({1, kText, 1, 0, 3, kAbc})) == "Drawing.layers[0]: offset is zero");
  // Elements without a type, or with one that is not known, point anywhere.
  CHECK(verdict(*made, layered({1, 0, 1, 0xfffffff0, 3, kAbc})) == "");
  CHECK(verdict(*made, layered({1, 99, 1, 0, 3, kAbc})) == "");
  CHECK(verdict(*made, layered({100, kText, 1, 4, 3, kAbc})) == "Drawing.layers_type: vector past end");
}

TEST_CASE("nested buffers") {
  const SchemaPointer made = schema("shapes");
  const Example examples[] = {
      // root 12, vtable at 8, table at 12
      {drawing(0, 0, 28, {4, 16, 12, 0, 0x00040004, 4, 0}), ""},
      {drawing(0, 0, 28, {4, 0, 0}), "Drawing.inset: buffer too short"},
      {drawing(0, 0, 28, {4, 11, 12, 0, 0, 4}), "Drawing.inset: buffer too short"},
      {drawing(0, 0, 28, {4, 16, 0, 0, 0x00040004, 4, 0}), "Drawing.inset: offset is zero"},
      {drawing(0, 0, 28, {4, 16, 13, 0, 0x00040004, 4, 0}), "Drawing.inset: table past end"},
      {drawing(0, 0, 28, {4, 16, 12, 0, 0x00040004, 0xfffffff0, 0}), "Drawing.inset: vtable past end"},
      {drawing(0, 0, 28, {4, 100, 12, 0, 0x00040004, 4, 0}), "Drawing.inset: vector past end"},
      // Its label, slot 2, lies beyond its own end, but not beyond the drawing's.
      {drawing(0, 0, 28, {4, 24, 20, 0, 0x0004000a, 0, 4, 12, 0, 0, 0, 0, 0}), "Drawing.inset.label: field past end"},
  };
  check("shapes", {}, examples);
  CHECK(verdict(*schema("shapes", {.max_depth = 1}), examples[0].buffer) == "Drawing.inset: too deep");
  CHECK(verdict(*schema("shapes", {.max_tables = 1}), examples[0].buffer) == "Drawing.inset: too many tables");
}

TEST_CASE("each fault has a text of its own") {
  for (unsigned i = 1; i != kFaults; ++i) {
    CHECK(std::strlen(text(static_cast<Fault>(i))) > 5);
    for (unsigned j = 1; j != i; ++j) CHECK(std::strcmp(text(static_cast<Fault>(i)), text(static_cast<Fault>(j))) != 0);
  }
}

TEST_CASE("a path is cut where its place ends") {
  const SchemaPointer made = schema("tree");
  const Buffer buffer = chain(65);
  Trace trace;
  const Fault fault = walk(*made, buffer.data(), buffer.size(), &trace);
  const auto exact = std::make_unique<char[]>(13);
  CHECK(trace.describe(*made, fault, exact.get(), 13) == 13);
  CHECK(std::string_view(exact.get(), 13) == "Node.left.lef");
  CHECK(trace.describe(*made, fault, exact.get(), 0) == 0);
}

// ---- buffers that flatc's builders made

/// What the walk accepts, flatc accepts and reads.
void check_against_flatc(const Oracle& oracle, const Schema& schema, const Buffer& buffer) {
  const auto exact = std::make_unique<std::uint8_t[]>(buffer.size());
  if (!buffer.empty()) std::memcpy(exact.get(), buffer.data(), buffer.size());
  if (walk(schema, exact.get(), buffer.size()) != Fault::none) return;
  const bool accepted = oracle.accepts(exact.get(), buffer.size(), schema.limits.max_depth, schema.limits.max_tables);
  if (!accepted) FAIL_CHECK(oracle.name);
  if (accepted) oracle.read(exact.get());
}

TEST_CASE("what builders make is accepted, wherever it lies") {
  for (const Oracle& oracle : tests::oracles()) {
    const SchemaPointer made = schema(oracle.name, {.check_utf8 = true});
    for (const Buffer& buffer : oracle.good) {
      CHECK(verdict(*made, buffer) == "");
      for (std::size_t shift = 1; shift != 8; ++shift) {
        Buffer shifted(shift);
        shifted.insert(shifted.end(), buffer.begin(), buffer.end());
        CHECK(walk(*made, shifted.data() + shift, buffer.size()) == Fault::none);
      }
    }
  }
}

TEST_CASE("every truncation") {
  for (const Oracle& oracle : tests::oracles()) {
    const SchemaPointer made = schema(oracle.name);
    for (const Buffer& buffer : oracle.good) {
      for (std::size_t length = 0; length != buffer.size(); ++length) {
        check_against_flatc(oracle, *made,
                            Buffer(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length)));
      }
    }
  }
}

TEST_CASE("every byte with every value") {
  const Oracle& of = oracle("order");
  const SchemaPointer made = schema("order");
  Buffer buffer = of.good.back();
  for (std::uint8_t& byte : buffer) {
    const std::uint8_t before = byte;
    for (unsigned change = 1; change != 256; ++change) {
      byte = static_cast<std::uint8_t>(before + change);
      check_against_flatc(of, *made, buffer);
    }
    byte = before;
  }
}

TEST_CASE("every byte with a few values, all schemas") {
  for (const Oracle& oracle : tests::oracles()) {
    const SchemaPointer made = schema(oracle.name, {.max_tables = 1000});
    Buffer buffer = oracle.good[oracle.good.size() / 2];
    for (std::uint8_t& byte : buffer) {
      const std::uint8_t before = byte;
      for (const int change : {1, -1, 4, -4, 0x40, 0x80}) {
        byte = static_cast<std::uint8_t>(before + change);
        check_against_flatc(oracle, *made, buffer);
      }
      byte = before;
    }
  }
}

}  // namespace
}  // namespace millrace::verify
