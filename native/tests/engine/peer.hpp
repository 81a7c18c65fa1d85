// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "frames.hpp"

namespace millrace::engine::test {

/// A plain server socket with one connection, which reads and writes what the test tells it.
class Peer {
 public:
  /// `receive_buffer` 0 leaves it to the system.
  explicit Peer(int receive_buffer = 0);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Takes the connection where one waits, then sends and receives what can be.
  void work();
  [[nodiscard]] bool is_connected() const { return fd_ >= 0; }
  void write(const std::string& bytes) { out_ += bytes; }
  void finish();
  void reset();
  void close();
  /// Reads no more.
  bool reads = true;
  [[nodiscard]] bool eof() const { return eof_; }
  [[nodiscard]] bool was_reset() const { return reset_; }

  [[nodiscard]] std::optional<std::string> take_head();
  [[nodiscard]] std::optional<MaskedFrame> take_frame();
  [[nodiscard]] const std::string& unread() const { return in_; }

 private:
  int listener_ = -1;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::string in_;
  std::string out_;
  bool eof_ = false;
  bool reset_ = false;
};

}  // namespace millrace::engine::test
