// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

namespace millrace::load {

/// What a process has used up to one moment.
///
/// The total comes from `/proc/PID/task/*/schedstat` in nanoseconds, kept per thread; the user and
/// system shares come from `/proc/PID/stat`, whose 10 ms ticks are too coarse for the total of a
/// short window but good enough to say where it went.
struct CpuReading {
  std::map<int, uint64_t> thread_ns;
  double user_seconds = 0;
  double system_seconds = 0;
  bool valid = false;
};

/// The difference of two readings.
///
/// What a thread used after the first reading is lost if it ended before the second (a JIT compiler
/// thread may), which would flatter the server; `threads_ended` says how many did.
struct CpuUse {
  double seconds = 0;
  double user_seconds = 0;
  double system_seconds = 0;
  int threads_ended = 0;
};

[[nodiscard]] CpuReading read_cpu(int pid);
[[nodiscard]] CpuUse cpu_between(const CpuReading& start, const CpuReading& end);

/// -1 when the process cannot be read.
[[nodiscard]] long resident_kib(int pid);

[[nodiscard]] double own_cpu_seconds();

}  // namespace millrace::load
