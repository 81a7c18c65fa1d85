// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace::verify {

/// Why a buffer is refused. The numbers are what Java sees; docs/verifier.md has the rule behind each.
enum class Fault : std::uint8_t {
  none,
  buffer_too_short,
  buffer_too_long,
  wrong_identifier,
  table_past_end,
  table_misaligned,
  too_deep,
  too_many_tables,
  takes_too_long,
  vtable_past_end,
  vtable_misaligned,
  vtable_malformed,
  required_missing,
  field_too_far,
  field_past_end,
  field_misaligned,
  offset_zero,
  vector_past_end,
  vector_misaligned,
  string_past_end,
  string_misaligned,
  string_not_terminated,
  string_not_utf8,
  struct_past_end,
  struct_misaligned,
  union_value_missing,
  union_type_missing,
  union_value_past_end,
  union_lengths_differ,
};

inline constexpr unsigned kFaults = 29;

/// A few words such as "string past end", or "" for none.
[[nodiscard]] const char* text(Fault fault) noexcept;

}  // namespace millrace::verify
