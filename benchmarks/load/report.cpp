// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <cinttypes>
#include <cstdio>
#include <string>

namespace millrace::load {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<uint8_t>(c) >= 0x20) result += c;
  }
  return result + "\"";
}

const char* boolean(bool value) { return value ? "true" : "false"; }

const char* mode_of(const Options& options) {
  if (options.fanout) return options.open_loop() ? "fanout-rate" : "fanout";
  return options.open_loop() ? "rate" : "echo";
}

void print_server(const Worker& meter, const Counters& total, double window_seconds, long resident_before_kib,
                  long resident_end_kib) {
  CpuUse cpu = cpu_between(meter.cpu_at_start(), meter.cpu_at_end());
  double us_per_message = total.messages ? cpu.seconds * 1e6 / static_cast<double>(total.messages) : 0;
  printf(",\"server_cpu_s\":%.6f,\"server_user_s\":%.2f,\"server_sys_s\":%.2f,\"server_util\":%.3f", cpu.seconds,
         cpu.user_seconds, cpu.system_seconds, cpu.seconds / window_seconds);
  printf(",\"server_us_per_msg\":%.5f,\"server_rss_kb\":%ld,\"server_rss_end_kb\":%ld", us_per_message,
         resident_before_kib, resident_end_kib);
}

}  // namespace

void report_idle(const Options& options, const IdleResult& result) {
  double alive = static_cast<double>(result.connections - result.closed);
  auto per_connection = [&](long resident_kib) {
    return alive > 0 ? static_cast<double>(resident_kib - result.resident_before_kib) * 1024 / alive : 0;
  };
  printf("{\"mode\":\"idle\",\"label\":%s,\"target\":%s,\"conns\":%u,\"touched\":%s", quoted(options.label).c_str(),
         quoted(options.target()).c_str(), result.connections, boolean(options.touch));
  printf(",\"open_s\":%.3f,\"conn_per_s\":%.0f,\"server_connect_cpu_us_per_conn\":%.1f", result.open_seconds,
         result.connections / result.open_seconds, result.connect_cpu_seconds * 1e6 / result.connections);
  printf(",\"rss_before_kb\":%ld,\"rss_open_kb\":%ld,\"rss_end_kb\":%ld", result.resident_before_kib,
         result.resident_open_kib, result.resident_end_kib);
  printf(",\"rss_per_conn_bytes\":%.0f,\"rss_per_conn_end_bytes\":%.0f,\"hold_s\":%.1f,\"server_cpu_s\":%.6f",
         per_connection(result.resident_open_kib), per_connection(result.resident_end_kib), options.hold_seconds,
         result.total_cpu_seconds);
  printf(",\"closed\":%" PRIu64 "}\n", result.closed);
}

void report_load(const Options& options, const Frames& frames, const Worker& meter, const Counters& total,
                 long resident_before_kib, long resident_end_kib) {
  double window = total.window_seconds > 0 ? total.window_seconds : 1;
  printf("{\"mode\":\"%s\",\"label\":%s,\"target\":%s,\"conns\":%d,\"size\":%" PRIu64 ",\"pipeline\":%d,\"rate\":%.0f",
         mode_of(options), quoted(options.label).c_str(), quoted(options.target()).c_str(), options.connections,
         options.payload_length, options.pipeline, options.rate);
  if (options.deflate) {
    double answer = total.messages ? static_cast<double>(total.payload_bytes) / static_cast<double>(total.messages) : 0;
    printf(",\"extensions\":%s,\"answer_bytes\":%.1f,\"uncompressed\":%" PRIu64, quoted(meter.extensions()).c_str(),
           answer, total.uncompressed);
  }
  printf(",\"deflate\":%s,\"frame_bytes\":%.1f,\"window_s\":%.3f,\"msgs\":%" PRIu64
         ",\"msgs_per_s\":%.0f,\"payload_MBps\":%.1f",
         boolean(options.deflate), frames.mean_length(), total.window_seconds, total.messages,
         static_cast<double>(total.messages) / window, static_cast<double>(total.payload_bytes) / window / 1e6);
  printf(",\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"mean_us\":%.1f",
         total.latency.quantile_us(.5), total.latency.quantile_us(.9), total.latency.quantile_us(.99),
         total.latency.quantile_us(.999), total.latency.max_us(), total.latency.mean_us());
  if (meter.cpu_at_start().valid && meter.cpu_at_end().valid) {
    print_server(meter, total, window, resident_before_kib, resident_end_kib);
  }
  printf(",\"client_util\":%.3f,\"recvs\":%" PRIu64 ",\"sends\":%" PRIu64 ",\"waits\":%" PRIu64,
         meter.own_cpu_seconds() / window, total.receives, total.sends, total.waits);
  printf(",\"verified\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"closed\":%" PRIu64 ",\"unanswered\":%" PRIu64
         ",\"oldest_unanswered_us\":%.0f}\n",
         total.verified, total.bad, total.closed, total.unanswered,
         static_cast<double>(total.oldest_unanswered_ns) / 1e3);
}

}  // namespace millrace::load
