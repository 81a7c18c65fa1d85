// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "options.hpp"

namespace millrace::load {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kCompressed = 0x40;  // RSV1, RFC 7692 6
constexpr uint8_t kOpcodeMask = 0x0f;

enum Opcode : uint8_t { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

constexpr bool is_control(uint8_t opcode) { return opcode >= kClose; }

/// One frame as a client sends it: masked, or length-prefixed for `Protocol::kLength32`.
[[nodiscard]] std::vector<uint8_t> build_frame(Protocol protocol, uint8_t first_byte, const uint8_t* payload,
                                               size_t length, uint32_t masking_key);

/// Everything a run sends, built and masked before it starts so that sending costs the client
/// nothing but its system calls.
///
/// ```
///   bytes:  [frame 0][frame 1] ... [frame distinct-1][frame 0][frame 1] ...     `count` frames
/// ```
///
/// Compressed frames differ in length. A connection that owes n frames and stands at index i < distinct sends frames i
/// .. i+n-1 with one call; the repetition behind `distinct` is what makes that one contiguous range.
class Frames {
 public:
  explicit Frames(const Options& options);

  [[nodiscard]] const uint8_t* at(size_t index) const { return bytes_.data() + begins_[index]; }
  /// Of `frames` frames from `index` on.
  [[nodiscard]] size_t length(size_t index, size_t frames) const { return begins_[index + frames] - begins_[index]; }
  [[nodiscard]] double mean_length() const {
    return static_cast<double>(begins_[distinct()]) / static_cast<double>(distinct());
  }
  [[nodiscard]] size_t distinct() const { return payloads_.size(); }
  [[nodiscard]] size_t count() const { return begins_.size() - 1; }
  [[nodiscard]] const std::vector<uint8_t>& payload(size_t index) const { return payloads_[index]; }

 private:
  std::vector<uint8_t> bytes_;
  std::vector<std::vector<uint8_t>> payloads_;
  std::vector<size_t> begins_{0};  // of each frame, and where the last one ends
};

}  // namespace millrace::load
