// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "frames.hpp"
#include "options.hpp"
#include "worker.hpp"

namespace millrace::load {

/// What idle mode saw: resident set and CPU before, after opening and at the end.
struct IdleResult {
  uint32_t connections = 0;
  uint64_t closed = 0;
  double open_seconds = 0;
  double connect_cpu_seconds = 0;
  double total_cpu_seconds = 0;
  long resident_before_kib = 0;
  long resident_open_kib = 0;
  long resident_end_kib = 0;
};

/// Each prints exactly one line of JSON on stdout.
void report_idle(const Options& options, const IdleResult& result);
/// `meter` is the worker that read the CPU.
void report_load(const Options& options, const Frames& frames, const Worker& meter, const Counters& total,
                 long resident_before_kib, long resident_end_kib);

}  // namespace millrace::load
