// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace millrace::scene {

/// The peer's half of permessage-deflate, by plain zlib, whose memory is not the simulated kernel's.
class Windows {
 public:
  /// `bits` as ACCEPT_UPGRADE has them, seen from the loop.
  explicit Windows(std::uint64_t bits);

  /// A fragment of a message, so that what is sent so far can be read; the last one without its tail.
  [[nodiscard]] std::string compress(const std::string& fragment, bool final);
  /// The text of a message; a message that does not inflate ends the program.
  [[nodiscard]] std::string inflate(const std::string& payload);

 private:
  struct Streams;
  struct End {
    void operator()(Streams* streams) const;
  };
  std::unique_ptr<Streams, End> streams_;
};

}  // namespace millrace::scene
