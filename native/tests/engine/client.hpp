// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "frames.hpp"

namespace millrace::engine::test {

/// The other side: a raw non-blocking socket and the bytes that went through it. Nothing here blocks; `work` moves what
/// the kernel takes and gives.
class Client {
 public:
  /// `receive_buffer` 0 leaves the system's choice.
  [[nodiscard]] static Client tcp(std::uint16_t port, int receive_buffer = 0);
  /// A path, or an abstract name when it begins with a zero.
  [[nodiscard]] static Client local(const std::string& path);

  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  void write(const std::string& bytes) { out_ += bytes; }
  /// Bytes that the kernel has not taken yet.
  [[nodiscard]] std::size_t unwritten() const { return out_.size() - out_at_; }

  /// Sends and receives what can be. True when anything moved.
  bool work();
  /// Forgets what the kernel has not taken.
  void drop_unwritten();
  /// Gives back the memory that buffers have grown to. Nothing may be on the way.
  void shrink();
  /// At most so many bytes leave in one `work`.
  std::size_t chunk = SIZE_MAX;
  /// At most so many bytes are read in one `work`; 0 is a peer that does not read.
  std::size_t appetite = SIZE_MAX;

  void finish();  ///< FIN, behind everything written
  void reset();   ///< RST (TCP)
  void close();

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] bool eof() const { return eof_; }
  [[nodiscard]] int error() const { return error_; }
  /// The stream has ended, cleanly or not.
  [[nodiscard]] bool ended() const { return eof_ || error_ != 0; }

  /// What came since the last take.
  [[nodiscard]] std::size_t available() const { return in_.size() - in_at_; }
  [[nodiscard]] std::string take_all();
  /// An HTTP head with its empty line, or nothing yet.
  [[nodiscard]] std::optional<std::string> take_head();
  [[nodiscard]] std::optional<Frame> take_frame();

 private:
  explicit Client(int fd) : fd_(fd) {}
  void shut_down();

  int fd_ = -1;
  std::string out_;
  std::size_t out_at_ = 0;
  std::string in_;
  std::size_t in_at_ = 0;
  bool finishing_ = false;
  bool eof_ = false;
  int error_ = 0;
};

}  // namespace millrace::engine::test
