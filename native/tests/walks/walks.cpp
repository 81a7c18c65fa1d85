// SPDX-License-Identifier: Apache-2.0
//
// The walk against flatc's generated verifier, on mutated buffers:
//
//     walks [--buffers N] [--seed S] [--pipe]
//
// What the walk accepts, flatc's verifier has to accept, and generated accessors have to read without leaving a copy of
// exactly the buffer's size (that is for AddressSanitizer to see). How often the walk is stricter is counted by reason.
// Buffer i depends on S and i alone. With --pipe, schemas, buffers and verdicts go to the standard output for the walk
// in Java to be compared (WalkDifferentialTest of java/flatbuffers):
//
//     schemas: u32 max_depth, u32 max_tables, u32 count, and for each u32 length, bytes
//     buffers: u32 schema, u32 length, bytes, u32 length, verdict as text, empty where the walk accepts
//     the end: u32 0xffffffff
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "oracle/oracle.hpp"
#include "verify/walk.hpp"

namespace {

using millrace::tests::Buffer;
using millrace::tests::Oracle;
using millrace::verify::Fault;

// Lower than the defaults, so that buffers of a few hundred bytes reach them.
constexpr millrace::verify::Limits kLimits{.max_depth = 24, .max_tables = 1000, .check_utf8 = false};

struct Options {
  std::uint64_t buffers = 100'000;
  std::uint64_t seed = 1;
  bool pipe = false;
};

struct Count {
  std::uint64_t buffers = 0;
  std::uint64_t accepted = 0;
  std::map<std::string_view, std::uint64_t> stricter;
};

[[nodiscard]] bool parse(std::string_view text, std::uint64_t* out) {
  return std::from_chars(text.data(), text.data() + text.size(), *out).ptr == text.data() + text.size();
}

[[nodiscard]] bool parse(int count, char** arguments, Options* options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--pipe") {
      options->pipe = true;
    } else if (i + 1 == count || (argument != "--buffers" && argument != "--seed")) {
      return false;
    } else if (!parse(arguments[++i], argument == "--seed" ? &options->seed : &options->buffers)) {
      return false;
    }
  }
  return true;
}

void write(const void* bytes, std::size_t length) {
  if (std::fwrite(bytes, 1, length, stdout) != length) std::exit(3);  // the reader has gone, and said why
}

void write_number(std::uint32_t number) { write(&number, sizeof number); }

void write_run(const void* bytes, std::size_t length) {
  write_number(static_cast<std::uint32_t>(length));
  write(bytes, length);
}

class Differential {
 public:
  explicit Differential(const Options& options) : options_(options) {}

  int run() {
    if (!load()) return 1;
    for (std::uint64_t i = 0; i != options_.buffers; ++i) {
      if (!judge(i)) {
        std::fprintf(stderr, "walks: again: walks --seed %llu --buffers %llu\n",
                     static_cast<unsigned long long>(options_.seed), static_cast<unsigned long long>(i + 1));
        return 1;
      }
    }
    if (options_.pipe) write_number(0xffffffff);
    std::fflush(stdout);
    report();
    return 0;
  }

 private:
  bool load() {
    const auto& oracles = millrace::tests::oracles();
    if (options_.pipe) {
      write_number(kLimits.max_depth);
      write_number(kLimits.max_tables);
      write_number(static_cast<std::uint32_t>(oracles.size()));
    }
    for (const Oracle& oracle : oracles) {
      millrace::verify::SchemaPointer schema;
      const auto refusal = millrace::verify::load(oracle.bfbs.data(), oracle.bfbs.size(), kLimits, &schema);
      if (refusal != millrace::verify::Refusal::none) {
        std::fprintf(stderr, "walks: %s: %s\n", oracle.name, millrace::verify::text(refusal));
        return false;
      }
      schemas_.push_back(std::move(schema));
      counts_.emplace_back();
      if (options_.pipe) write_run(oracle.bfbs.data(), oracle.bfbs.size());
    }
    return true;
  }

  bool judge(std::uint64_t number) {
    const std::size_t index = number % schemas_.size();
    const Oracle& oracle = millrace::tests::oracles()[index];
    // Numbers that follow each other would give generators that do.
    millrace::tests::Random random(millrace::tests::Random(options_.seed ^ (number << 20)).next());
    const Buffer buffer = millrace::tests::mutate(oracle, random);
    const auto exact = std::make_unique<std::uint8_t[]>(buffer.size());
    if (!buffer.empty()) std::memcpy(exact.get(), buffer.data(), buffer.size());

    millrace::verify::Trace trace;
    const Fault fault = millrace::verify::walk(*schemas_[index], exact.get(), buffer.size(), &trace);
    const bool accepted = oracle.accepts(exact.get(), buffer.size(), kLimits.max_depth, kLimits.max_tables);
    Count& count = counts_[index];
    ++count.buffers;
    char verdict[1024];
    std::size_t length = 0;
    if (fault == Fault::none) {
      ++count.accepted;
      if (!accepted) {
        std::fprintf(stderr, "walks: %s: flatc's verifier refuses what the walk accepts\n", oracle.name);
        return false;
      }
      oracle.read(exact.get());
    } else {
      length = trace.describe(*schemas_[index], fault, verdict, sizeof verdict);
      if (accepted) ++count.stricter[millrace::verify::text(fault)];
    }
    if (options_.pipe) {
      write_number(static_cast<std::uint32_t>(index));
      write_run(exact.get(), buffer.size());
      write_run(verdict, length);
    }
    return true;
  }

  void report() const {
    for (std::size_t i = 0; i != counts_.size(); ++i) {
      const Count& count = counts_[i];
      std::fprintf(stderr, "%s: %llu buffers, %llu accepted and read, stricter than flatc's verifier:",
                   millrace::tests::oracles()[i].name, static_cast<unsigned long long>(count.buffers),
                   static_cast<unsigned long long>(count.accepted));
      for (const auto& [reason, times] : count.stricter) {
        std::fprintf(stderr, " %llu %.*s;", static_cast<unsigned long long>(times), static_cast<int>(reason.size()),
                     reason.data());
      }
      std::fprintf(stderr, "\n");
    }
  }

  const Options options_;
  std::vector<millrace::verify::SchemaPointer> schemas_;
  std::vector<Count> counts_;
};

}  // namespace

int main(int count, char** arguments) {
  Options options;
  if (!parse(count, arguments, &options)) {
    std::fputs("usage: walks [--buffers N] [--seed S] [--pipe]\n", stderr);
    return 2;
  }
  return Differential(options).run();
}
