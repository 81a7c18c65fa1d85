// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace::protocol {

/// A rule of RFC 6455 that a server may leave unenforced, by the bit that names it: 1 << the ordinal in
/// dev.millrace.ProtocolRule, which says what each means then.
enum class Rule : std::uint32_t {
  masked_frames = 1 << 0,
  reserved_bits = 1 << 1,
  reserved_opcodes = 1 << 2,
  shortest_length = 1 << 3,
  text_utf8 = 1 << 4,
  close_length = 1 << 5,
  close_code = 1 << 6,
  close_reason_utf8 = 1 << 7,
  host_header = 1 << 8,
  connection_header = 1 << 9,
  version = 1 << 10,
};
inline constexpr std::uint32_t kAllRules = (1 << 11) - 1;

/// Which rules are left unenforced; by default none.
class Relaxed {
 public:
  constexpr Relaxed() noexcept = default;
  constexpr explicit Relaxed(std::uint32_t bits) noexcept : bits_(bits) {}

  [[nodiscard]] constexpr bool has(Rule rule) const noexcept { return (bits_ & static_cast<std::uint32_t>(rule)) != 0; }

 private:
  std::uint32_t bits_ = 0;
};

}  // namespace millrace::protocol
