// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connection.hpp"
#include "counters.hpp"
#include "fanout.hpp"
#include "frames.hpp"
#include "options.hpp"
#include "process.hpp"

namespace millrace::load {

class Dialer;

/// One thread with its own poller and its own share of the connections.
///
/// A closed loop sends one message for each answer. An open loop sends by the clock and counts
/// latency from the intended time, so that a server that stalls cannot hide it by slowing the
/// client (coordinated omission). With fan-out the first connection publishes and the others are
/// subscribers.
class Worker {
 public:
  /// `meter` makes this worker read the processes' CPU at both ends of the window.
  Worker(const Options& options, const Frames& frames, bool meter);

  /// Connections `first` .. `first + count - 1`, in batches: all connects, all requests, all responses.
  void open(uint32_t first, uint32_t count);
  void run();

  /// Idle mode: exactly one message there and back on each connection.
  void touch_all();
  /// Idle mode: keeps reading, so that pings are answered.
  void serve(double seconds);

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const std::string& extensions() const { return extensions_; }
  [[nodiscard]] const CpuReading& cpu_at_start() const { return server_start_; }
  [[nodiscard]] const CpuReading& cpu_at_end() const { return server_end_; }
  [[nodiscard]] double own_cpu_seconds() const { return own_end_ - own_start_; }

 private:
  static constexpr int kMaxEvents = 1024;

  void dial_batch(const Dialer& dialer, uint32_t first, uint32_t count);
  void finish_handshake(const Dialer& dialer, Connection& connection);
  void take_extension(const std::string& accepted, Connection& connection);

  // Sending.
  void flush(Connection& connection);
  void flush_if_idle(Connection& connection) {
    if (!connection.wants_writable) flush(connection);
  }
  void send_control(Connection& connection, uint8_t opcode, const uint8_t* payload, size_t length);
  void watch_writable(Connection& connection, bool on);
  void close(Connection& connection);

  // Receiving: each returns how many messages became answers, that is, may be sent anew.
  uint32_t feed(Connection& connection, const uint8_t* bytes, size_t length, uint64_t now);
  bool take_header(Connection& connection, const uint8_t*& position, const uint8_t* end) const;
  void take_payload(Connection& connection, const uint8_t* bytes, size_t length);
  void verify(const Connection& connection, const uint8_t* bytes, size_t length);
  void verify_inflated(Connection& connection);
  [[nodiscard]] const std::vector<uint8_t>& expected(const Connection& connection) const;
  uint32_t on_message(Connection& connection, uint64_t now);
  uint32_t on_delivery(const Connection& connection, uint64_t sequence, uint64_t now);
  void count(uint64_t length, uint64_t latency_ns);

  // The loop.
  void start_closed_loop();
  void publish(uint64_t time_ns);
  void begin_window();
  void end_window();
  void send_due(uint64_t now);
  bool send_one(uint64_t intended_ns);
  int wait(uint64_t until_ns);
  template <class OnReplies>
  void pump(int count, OnReplies&& on_replies);
  void pump_by_mode(int count);
  void count_unanswered();
  void await_touches(uint64_t& waiting);

  const Options& options_;
  const Frames& frames_;
  const bool meter_;
  int epoll_fd_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<uint8_t> buffer_;
  std::vector<epoll_event> events_ = std::vector<epoll_event>(kMaxEvents);
  std::string extensions_;  // that the server accepted

  Counters counters_;
  bool measuring_ = false;
  uint64_t window_start_ns_ = 0;
  CpuReading server_start_;
  CpuReading server_end_;
  double own_start_ = 0;
  double own_end_ = 0;

  // Open loop.
  uint64_t start_ns_ = 0;
  double messages_per_ns_ = 0;
  uint64_t issued_ = 0;
  size_t next_sender_ = 0;
  std::vector<Connection*> unflushed_;

  Fanout fanout_;
};

}  // namespace millrace::load
