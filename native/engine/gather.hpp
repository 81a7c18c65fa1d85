// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstdint>

#include "os/os.hpp"

namespace millrace::engine {

/// One connection's outgoing bytes of this turn, as they will stand in one sendmsg.
class Gather {
 public:
  /// What becomes of a piece that the socket does not take whole.
  enum class Source : std::uint8_t {
    copied,    ///< bytes of this turn: the tail is copied
    borrowed,  ///< lies in a block of a delivered message: the tail takes a reference of its own
    owned      ///< lies in a block whose reference came with the command
  };

  struct Piece {
    std::uint64_t address;  ///< of a block; 0 for copied bytes
    std::uint64_t token;
    Source source;
  };

  [[nodiscard]] bool full() const noexcept { return count_ == os::kMaxPieces; }
  [[nodiscard]] int count() const noexcept { return count_; }
  [[nodiscard]] const iovec* pieces() const noexcept { return iovecs_; }
  [[nodiscard]] const Piece& piece(int index) const noexcept { return pieces_[index]; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  void clear() noexcept {
    count_ = 0;
    bytes_ = 0;
  }

  /// Appends; the caller has checked full(). Copied bytes that continue the piece before merge with it.
  void add(std::uint8_t* start, std::size_t length, const Piece& piece) noexcept {
    bytes_ += length;
    if (piece.source == Source::copied && count_ > 0) {
      iovec& last = iovecs_[count_ - 1];
      const Piece& before = pieces_[count_ - 1];
      const bool adjacent = static_cast<std::uint8_t*>(last.iov_base) + last.iov_len == start;
      if (adjacent && before.source == Source::copied && before.token == 0) {
        last.iov_len += length;
        pieces_[count_ - 1].token = piece.token;
        return;
      }
    }
    iovecs_[count_] = {start, length};
    pieces_[count_] = piece;
    ++count_;
  }

 private:
  int count_ = 0;
  std::uint64_t bytes_ = 0;
  iovec iovecs_[os::kMaxPieces];
  Piece pieces_[os::kMaxPieces];
};

}  // namespace millrace::engine
