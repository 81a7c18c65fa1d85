// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "ring/records.hpp"

namespace millrace::ring {

/// Appends events to the records that Java drains after the call. One turn's events start at the first record.
class EventWriter {
 public:
  EventWriter() = default;
  explicit EventWriter(std::uint8_t* control) noexcept : records_(reinterpret_cast<Record*>(control + kEventsOffset)) {}

  void reset() noexcept { count_ = 0; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t room() const noexcept { return kRecords - count_; }

  /// Appends; the caller has checked room().
  void append(const Record& record) noexcept { records_[count_++] = record; }

  /// Appends a record whose every field the caller sets: one that is made elsewhere and copied is read back before its
  /// short stores have left the processor's store buffer, which waits for them.
  [[nodiscard]] Record& append() noexcept { return records_[count_++]; }

 private:
  Record* records_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace millrace::ring
