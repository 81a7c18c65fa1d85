// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

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

bool read_threads(int pid, std::map<int, uint64_t>& thread_ns) {
  std::string tasks = directory_of(pid) + "/task";
  DIR* directory = opendir(tasks.c_str());
  if (!directory) return false;
  while (dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    // The first field is the time on a processor; the file is empty when the thread has just ended.
    std::string schedstat = read_file(tasks + "/" + entry->d_name + "/schedstat");
    if (!schedstat.empty()) thread_ns[atoi(entry->d_name)] = strtoull(schedstat.c_str(), nullptr, 10);
  }
  closedir(directory);
  return !thread_ns.empty();
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
  if (pid) reading.valid = read_threads(pid, reading.thread_ns) && read_ticks(pid, reading);
  return reading;
}

CpuUse cpu_between(const CpuReading& start, const CpuReading& end) {
  CpuUse use;
  uint64_t total_ns = 0;
  for (auto [thread, ns] : end.thread_ns) {
    auto before = start.thread_ns.find(thread);
    total_ns += before == start.thread_ns.end() ? ns : ns - before->second;
  }
  for (auto [thread, ns] : start.thread_ns) use.threads_ended += end.thread_ns.contains(thread) ? 0 : 1;
  use.seconds = static_cast<double>(total_ns) / 1e9;
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
