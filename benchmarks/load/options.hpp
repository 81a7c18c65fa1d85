// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::load {

enum class Protocol { kWebSocket, kLength32 };

/// What the command line asked for. Read-only once `parse_options` has returned.
struct Options {
  std::string host = "127.0.0.1";
  int port = 9001;
  std::string path = "/";
  std::string unix_path;  // takes the place of host and port when not empty
  std::string label;
  std::string payload = "auto";
  std::string offer = "permessage-deflate; client_max_window_bits";
  Protocol protocol = Protocol::kWebSocket;
  int connections = 100;
  int pipeline = 1;
  int threads = 1;
  int source_addresses = 0;
  int verify_every = 0;
  int server_pid = 0;
  int connect_batch = 100;
  uint64_t payload_length = 64;
  double seconds = 5;
  double warmup_seconds = 1;
  double rate = 0;  // messages per second in all; above 0 the loop is open
  double hold_seconds = 2;
  bool text = false;
  bool idle = false;
  bool touch = false;
  bool fanout = false;
  bool deflate = false;
  bool spin = false;
  size_t receive_capacity = 256 << 10;

  [[nodiscard]] bool open_loop() const { return rate > 0; }
  [[nodiscard]] bool web_socket() const { return protocol == Protocol::kWebSocket; }
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string target() const;
};

/// Ends the program with status 2 and one line on stderr for anything it does not understand.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace millrace::load
