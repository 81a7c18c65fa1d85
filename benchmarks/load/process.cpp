// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "clock.hpp"

namespace millrace::load {
namespace {

std::string read_file(const std::string& path) {
  std::string content;
  FILE* file = fopen(path.c_str(), "r");
  if (!file) return content;
  char chunk[4096];
  size_t length;
  while ((length = fread(chunk, 1, sizeof chunk, file)) > 0) content.append(chunk, length);
  fclose(file);
  return content;
}

std::string directory_of(int pid) { return "/proc/" + std::to_string(pid); }

bool read_clock(int pid, CpuReading& reading) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time)) return false;
  reading.total_ns = static_cast<uint64_t>(time.tv_sec) * kNanosPerSecond + static_cast<uint64_t>(time.tv_nsec);
  return true;
}

bool read_ticks(int pid, CpuReading& reading) {
  std::string stat = read_file(directory_of(pid) + "/stat");
  auto name_end = stat.rfind(')');  // the name before it may hold blanks and brackets
  if (name_end == std::string::npos) return false;
  unsigned long user = 0;
  unsigned long system = 0;
  if (sscanf(stat.c_str() + name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) !=
      2) {
    return false;
  }
  auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  reading.user_seconds = static_cast<double>(user) / ticks_per_second;
  reading.system_seconds = static_cast<double>(system) / ticks_per_second;
  return true;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

CpuReading read_cpu(int pid) {
  CpuReading reading;
  if (pid) reading.valid = read_clock(pid, reading) && read_ticks(pid, reading);
  return reading;
}

CpuUse cpu_between(const CpuReading& start, const CpuReading& end) {
  CpuUse use;
  use.seconds = static_cast<double>(end.total_ns - start.total_ns) / static_cast<double>(kNanosPerSecond);
  use.user_seconds = end.user_seconds - start.user_seconds;
  use.system_seconds = end.system_seconds - start.system_seconds;
  return use;
}

long resident_kib(int pid) {
  if (!pid) return -1;
  std::string rollup = read_file(directory_of(pid) + "/smaps_rollup");
  auto found = rollup.find("\nRss:");
  if (found != std::string::npos) return atol(rollup.c_str() + found + 5);
  std::string status = read_file(directory_of(pid) + "/status");
  found = status.find("VmRSS:");
  return found == std::string::npos ? -1 : atol(status.c_str() + found + 6);
}

double own_cpu_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace millrace::load
