// SPDX-License-Identifier: Apache-2.0
//
// wsload: a neutral load generator for WebSocket and length-prefixed echo servers. It prints exactly
// one line of JSON on stdout; the status is 1 when an answer was bad or a connection was closed, 2
// when it could not do what was asked. docs/benchmarks.md says how to read the figures.
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "frames.hpp"
#include "options.hpp"
#include "process.hpp"
#include "report.hpp"
#include "worker.hpp"

namespace millrace::load {
namespace {

void raise_file_limit(uint32_t connections) {
  constexpr rlim_t kOwnFiles = 64;
  rlim_t wanted = connections + kOwnFiles;
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return;
  rlimit raised{wanted, std::max(limit.rlim_max, wanted)};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  limit.rlim_cur = limit.rlim_max;  // not allowed above it: take what there is, connecting says if it is too little
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run_idle(const Options& options, const Frames& frames, uint32_t connections) {
  IdleResult result;
  result.connections = connections;
  result.resident_before_kib = resident_kib(options.server_pid);
  CpuReading before = read_cpu(options.server_pid);
  uint64_t start_ns = now_ns();
  Worker worker(options, frames, false);
  worker.open(0, connections);
  result.open_seconds = seconds_between(start_ns, now_ns());
  result.connect_cpu_seconds = cpu_between(before, read_cpu(options.server_pid)).seconds;
  if (options.touch) worker.touch_all();
  worker.serve(std::min(1.0, options.hold_seconds));
  result.resident_open_kib = resident_kib(options.server_pid);
  worker.serve(std::max(0.0, options.hold_seconds - 1));
  result.resident_end_kib = resident_kib(options.server_pid);
  result.total_cpu_seconds = cpu_between(before, read_cpu(options.server_pid)).seconds;
  result.closed = worker.counters().closed;
  report_idle(options, result);
  return result.closed ? 1 : 0;
}

std::vector<std::unique_ptr<Worker>> open_workers(const Options& options, const Frames& frames, uint32_t connections) {
  std::vector<std::unique_ptr<Worker>> workers;
  auto threads = static_cast<uint32_t>(options.threads);
  uint32_t first = 0;
  for (uint32_t i = 0; i < threads; i++) {
    uint32_t share = connections / threads + (i < connections % threads ? 1 : 0);
    workers.push_back(std::make_unique<Worker>(options, frames, i == 0));
    workers.back()->open(first, share);
    first += share;
  }
  return workers;
}

int run_load(const Options& options, const Frames& frames, uint32_t connections) {
  auto workers = open_workers(options, frames, connections);
  long resident_before_kib = resident_kib(options.server_pid);
  std::vector<std::thread> threads;
  for (size_t i = 1; i < workers.size(); i++) threads.emplace_back([&, i] { workers[i]->run(); });
  workers[0]->run();
  for (auto& thread : threads) thread.join();
  long resident_end_kib = resident_kib(options.server_pid);
  Counters total;
  for (auto& worker : workers) total.add(worker->counters());
  report_load(options, frames, *workers[0], total, resident_before_kib, resident_end_kib);
  return total.bad || total.closed ? 1 : 0;
}

}  // namespace
}  // namespace millrace::load

int main(int argc, char** argv) {
  using namespace millrace::load;
  Options options = parse_options(argc, argv);
  uint32_t connections = static_cast<uint32_t>(options.connections) + (options.fanout ? 1 : 0);
  raise_file_limit(connections);
  Frames frames(options);
  return options.idle ? run_idle(options, frames, connections) : run_load(options, frames, connections);
}
