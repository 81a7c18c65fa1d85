// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace::load {

/// What a process has used up to one moment.
///
/// The total is the process's CPU clock, in nanoseconds: all of its threads, those that have ended
/// included (a JIT compiler's may end at any time; the sum over `/proc/PID/task` would forget what
/// they used). The user and system shares come from `/proc/PID/stat`, whose 10 ms ticks are too
/// coarse for the total of a short window but good enough to say where it went.
struct CpuReading {
  uint64_t total_ns = 0;
  double user_seconds = 0;
  double system_seconds = 0;
  bool valid = false;
};

/// The difference of two readings.
struct CpuUse {
  double seconds = 0;
  double user_seconds = 0;
  double system_seconds = 0;
};

[[nodiscard]] CpuReading read_cpu(int pid);
[[nodiscard]] CpuUse cpu_between(const CpuReading& start, const CpuReading& end);

/// -1 when the process cannot be read.
[[nodiscard]] long resident_kib(int pid);

[[nodiscard]] double own_cpu_seconds();

}  // namespace millrace::load
