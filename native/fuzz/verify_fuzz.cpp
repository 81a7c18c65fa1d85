// SPDX-License-Identifier: Apache-2.0
//
// One FlatBuffer against a schema of the tests, the first byte says which: what the walk accepts is accepted by flatc's
// verifier and read by its accessors. From 128 on the schema is part of the input: two bytes of its length, a binary
// schema that nobody trusts, and a buffer.
#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "fuzz.hpp"
#include "oracle/oracle.hpp"
#include "verify/walk.hpp"

namespace millrace::fuzz {

namespace {

constexpr verify::Limits kLimits{.max_depth = 40, .max_tables = 1000, .check_utf8 = false};
constexpr std::uint8_t kOwnSchema = 128;

using Input = std::span<const std::uint8_t>;

const std::vector<verify::SchemaPointer>& schemas() {
  static const std::vector<verify::SchemaPointer> all = [] {
    std::vector<verify::SchemaPointer> made;
    for (const tests::Oracle& oracle : tests::oracles()) {
      verify::SchemaPointer schema;
      check(verify::load(oracle.bfbs.data(), oracle.bfbs.size(), kLimits, &schema) == verify::Refusal::none,
            "flatc's schemas can be loaded");
      made.push_back(std::move(schema));
    }
    return made;
  }();
  return all;
}

void check_path(const verify::Schema& schema, const verify::Trace& trace, verify::Fault fault) {
  char text[256];
  const std::size_t whole = trace.describe(schema, fault, text, sizeof text);
  check(whole <= sizeof text, "a path is cut where its place ends");
  check(trace.describe(schema, fault, text, whole / 2) == whole / 2, "and anywhere else");
}

/// The walk with its path and without it agree.
verify::Fault walk(const verify::Schema& schema, Input buffer) {
  verify::Trace trace;
  const verify::Fault fault = verify::walk(schema, buffer.data(), buffer.size(), &trace);
  check(fault == verify::walk(schema, buffer.data(), buffer.size()), "the verdict does not depend on the path");
  if (fault != verify::Fault::none) check_path(schema, trace, fault);
  return fault;
}

void judge(std::size_t index, Input input) {
  // A place of exactly this length, aligned as accessors want it.
  const std::vector<std::uint8_t> buffer(input.begin(), input.end());
  if (walk(*schemas()[index], buffer) != verify::Fault::none) return;
  const tests::Oracle& oracle = tests::oracles()[index];
  check(oracle.accepts(buffer.data(), buffer.size(), kLimits.max_depth, kLimits.max_tables),
        "never laxer than flatc's verifier");
  oracle.read(buffer.data());
}

void judge_own(Input input) {
  if (input.size() < 2) return;
  const std::size_t length = std::min<std::size_t>(base::load<std::uint16_t>(input.data()), input.size() - 2);
  const std::vector<std::uint8_t> bfbs(input.begin() + 2, input.begin() + 2 + static_cast<std::ptrdiff_t>(length));
  verify::SchemaPointer schema;
  const verify::Refusal refusal = verify::load(bfbs.data(), bfbs.size(), kLimits, &schema);
  check((refusal == verify::Refusal::none) == (schema != nullptr), "a schema, or the reason why there is none");
  if (schema == nullptr) return;
  walk(*schema, input.subspan(2 + length));
  walk(*schema, bfbs);
}

}  // namespace

std::span<const std::string_view> seeds() noexcept {
  static const std::vector<std::string> inputs = [] {
    std::vector<std::string> made;
    for (std::size_t i = 0; i != tests::oracles().size(); ++i) {
      const tests::Oracle& oracle = tests::oracles()[i];
      for (const tests::Buffer& buffer : oracle.good) {
        made.emplace_back(1, static_cast<char>(i));
        made.back().append(buffer.begin(), buffer.end());
      }
      std::string own(1, static_cast<char>(kOwnSchema));
      own.push_back(static_cast<char>(oracle.bfbs.size() & 0xff));
      own.push_back(static_cast<char>(oracle.bfbs.size() >> 8));
      own.append(oracle.bfbs.begin(), oracle.bfbs.end());
      own.append(oracle.good[0].begin(), oracle.good[0].end());
      made.push_back(std::move(own));
    }
    return made;
  }();
  static const std::vector<std::string_view> views(inputs.begin(), inputs.end());
  return views;
}

}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace millrace::fuzz;
  if (length < 1) return 0;
  const Input input(bytes + 1, length - 1);
  if (bytes[0] >= kOwnSchema) {
    judge_own(input);
  } else {
    judge(bytes[0] % schemas().size(), input);
  }
  return 0;
}
