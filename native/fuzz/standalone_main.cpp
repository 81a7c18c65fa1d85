// SPDX-License-Identifier: Apache-2.0
//
// Drives a fuzz target without libFuzzer, by any compiler:
//
//     frame_fuzz [--runs N] [--seed S] [--write-seeds FOLDER] [FILE or FOLDER ...]
//
// Files are replayed. Without files, or with --runs, the built-in seeds are replayed, and then N inputs are made from
// them; input i depends on S + i alone, so the line printed at a failure names the two options that make the same input
// again. --write-seeds writes the seeds as files, one each, for libFuzzer to start from, and does nothing else.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "fuzz.hpp"

// Present in programs with a sanitizer, which ends them without a signal.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using millrace::fuzz::Random;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMaxInput = 4096;
constexpr std::uint64_t kDefaultRuns = 200'000;

struct Options {
  std::optional<std::uint64_t> runs;
  std::uint64_t seed = 1;
  std::string seeds_folder;
  std::vector<std::string> paths;
};

/// What a failure prints, complete before the input runs: a signal handler may only write.
char failure_line[4096];

void announce(const std::string& line) {
  const std::size_t length = std::min(line.size(), sizeof failure_line - 2);
  std::memcpy(failure_line, line.data(), length);
  failure_line[length] = '\n';
  failure_line[length + 1] = '\0';
}

void write_failure() {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, failure_line, std::strlen(failure_line));
}

void on_signal(int signal) {
  write_failure();
  // SA_RESETHAND has put the default action back.
  raise(signal);
}

void report_failures() {
  std::vector<int> signals = {SIGABRT};
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(write_failure);
  } else {
    signals.insert(signals.end(), {SIGSEGV, SIGBUS, SIGFPE, SIGILL});
  }
  for (const int signal : signals) {
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESETHAND | SA_NODEFER;
    sigaction(signal, &action, nullptr);
  }
}

void run(const Bytes& input) {
  // Exactly the input's size on the heap: a sanitizer sees every byte read beyond it.
  const Bytes exact(input);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

void insert_at(Bytes* input, std::size_t offset, const Bytes& what) {
  input->insert(input->begin() + static_cast<std::ptrdiff_t>(offset), what.begin(), what.end());
}

std::uint8_t interesting_byte(Random* random) {
  constexpr std::uint8_t kBytes[] = {0x00, 0x01, 0x09, 0x0A, 0x0D, 0x20, 0x2C, 0x3A, 0x7D, 0x7E, 0x7F, 0x80, 0x81,
                                     0x82, 0x88, 0x89, 0x8A, 0xA0, 0xBF, 0xC0, 0xE0, 0xED, 0xF0, 0xF4, 0xFE, 0xFF};
  return kBytes[random->below(sizeof kBytes)];
}

Bytes random_range(const Bytes& from, Random* random) {
  if (from.empty()) return {};
  const std::size_t begin = random->below(from.size());
  const std::size_t length = 1 + random->below(std::min<std::size_t>(from.size() - begin, 200));
  return {from.begin() + static_cast<std::ptrdiff_t>(begin),
          from.begin() + static_cast<std::ptrdiff_t>(begin + length)};
}

void mutate(Bytes* input, Random* random) {
  const auto seeds = millrace::fuzz::seeds();
  const std::size_t offset = random->below(input->size() + 1);
  const bool at_byte = offset < input->size();
  switch (random->below(8)) {
    case 0:
      if (at_byte) (*input)[offset] ^= static_cast<std::uint8_t>(1u << random->below(8));
      return;
    case 1:
      if (at_byte) (*input)[offset] = interesting_byte(random);
      return;
    case 2:
      if (at_byte) (*input)[offset] = static_cast<std::uint8_t>(random->next());
      return;
    case 3:
      insert_at(input, offset, Bytes(1 + random->below(4), interesting_byte(random)));
      return;
    case 4:
      if (at_byte) {
        const std::size_t length = 1 + random->below(std::min<std::size_t>(input->size() - offset, 16));
        const auto begin = input->begin() + static_cast<std::ptrdiff_t>(offset);
        input->erase(begin, begin + static_cast<std::ptrdiff_t>(length));
      }
      return;
    case 5:
      insert_at(input, offset, random_range(*input, random));
      return;
    case 6:
      insert_at(input, offset, random_range(bytes_of(seeds[random->below(seeds.size())]), random));
      return;
    default:
      if (random->below(8) == 0) input->resize(offset);
      return;
  }
}

Bytes make_input(std::uint64_t seed) {
  Random random(seed);
  const auto seeds = millrace::fuzz::seeds();
  Bytes input = bytes_of(seeds[random.below(seeds.size())]);
  const std::size_t mutations = random.below(9);
  for (std::size_t i = 0; i < mutations; ++i) mutate(&input, &random);
  input.resize(std::min(input.size(), kMaxInput));
  return input;
}

void run_seeds() {
  std::size_t number = 0;
  for (const std::string_view seed : millrace::fuzz::seeds()) {
    announce("fuzz: failed at built-in seed " + std::to_string(number++));
    run(bytes_of(seed));
  }
}

bool write_seeds(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  std::filesystem::create_directories(folder, error);
  std::size_t number = 0;
  for (const std::string_view seed : millrace::fuzz::seeds()) {
    const std::string name = std::to_string(number++);
    std::ofstream file(folder + "/seed-" + std::string(name.size() < 2 ? 1 : 0, '0') + name, std::ios::binary);
    if (!file.write(seed.data(), static_cast<std::streamsize>(seed.size()))) {
      std::fprintf(stderr, "fuzz: cannot write to %s\n", folder.c_str());
      return false;
    }
  }
  return true;
}

void run_made(std::uint64_t seed, std::uint64_t runs) {
  std::printf("seed=%llu runs=%llu\n", static_cast<unsigned long long>(seed), static_cast<unsigned long long>(runs));
  std::fflush(stdout);
  for (std::uint64_t i = 0; i < runs; ++i) {
    announce("fuzz: failed; again with: --runs 1 --seed " + std::to_string(seed + i));
    run(make_input(seed + i));
  }
}

bool replay_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const Bytes input((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) {
    std::fprintf(stderr, "fuzz: cannot read %s\n", path.c_str());
    return false;
  }
  announce("fuzz: failed; again with: " + path.string());
  run(input);
  return true;
}

bool replay(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return replay_file(path);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return std::all_of(files.begin(), files.end(), replay_file);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Options> parse_options(std::span<char*> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--runs" || argument == "--seed") {
      const auto value = i + 1 < arguments.size() ? number(arguments[i + 1]) : std::nullopt;
      if (!value) return std::nullopt;
      if (argument == "--runs") options.runs = value;
      if (argument == "--seed") options.seed = *value;
      ++i;
    } else if (argument == "--write-seeds" && i + 1 < arguments.size()) {
      options.seeds_folder = arguments[++i];
    } else if (argument.starts_with("-")) {
      return std::nullopt;
    } else {
      options.paths.emplace_back(argument);
    }
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  const auto options = parse_options({arguments + 1, static_cast<std::size_t>(count - 1)});
  if (!options) {
    std::fprintf(stderr, "usage: %s [--runs N] [--seed S] [--write-seeds FOLDER] [FILE or FOLDER ...]\n", arguments[0]);
    return 2;
  }
  if (!options->seeds_folder.empty()) return write_seeds(options->seeds_folder) ? 0 : 1;
  report_failures();
  if (!std::all_of(options->paths.begin(), options->paths.end(), replay)) return 1;
  if (!options->runs && !options->paths.empty()) return 0;
  run_seeds();
  run_made(options->seed, options->runs.value_or(kDefaultRuns));
  return 0;
}
