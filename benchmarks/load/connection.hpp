// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "deflater.hpp"

namespace millrace::load {

/// When each unanswered message was sent, oldest first. Grows by doubling, so an open loop may fall
/// behind without losing a timestamp.
class TimestampQueue {
 public:
  void reserve(uint32_t capacity) {
    uint32_t rounded = 1;
    while (rounded < capacity) rounded <<= 1;
    entries_ = std::make_unique<uint64_t[]>(rounded);
    mask_ = rounded - 1;
  }

  [[nodiscard]] uint32_t size() const { return tail_ - head_; }
  [[nodiscard]] uint64_t front() const { return entries_[head_ & mask_]; }

  void push(uint64_t time_ns) {
    if (size() > mask_) grow();
    entries_[tail_++ & mask_] = time_ns;
  }

  uint64_t pop() { return entries_[head_++ & mask_]; }

 private:
  void grow() {
    uint32_t count = size();
    auto larger = std::make_unique<uint64_t[]>((mask_ + 1) * 2);
    for (uint32_t i = 0; i < count; i++) larger[i] = entries_[(head_ + i) & mask_];
    entries_ = std::move(larger);
    mask_ = (mask_ + 1) * 2 - 1;
    head_ = 0;
    tail_ = count;
  }

  std::unique_ptr<uint64_t[]> entries_;
  uint32_t mask_ = 0;
  uint32_t head_ = 0;
  uint32_t tail_ = 0;
};

struct Connection {
  static constexpr size_t kMaxHeader = 14;
  static constexpr size_t kMaxControl = 125;

  int fd = -1;
  uint32_t id = 0;
  bool dead = false;
  bool wants_writable = false;

  // Receiving: a header split across reads is gathered in `header`.
  uint8_t header[kMaxHeader];
  uint8_t header_length = 0;
  uint8_t opcode = 0;  // of the frame in progress
  bool final = false;
  bool compressed = false;  // the message in progress
  bool in_payload = false;
  uint64_t payload_remaining = 0;
  uint64_t message_length = 0;  // bytes of the message in progress so far
  uint64_t messages_received = 0;
  uint8_t control[kMaxControl];
  uint8_t control_length = 0;
  std::unique_ptr<Inflater> inflater;  // only where compressed answers are compared
  std::vector<uint8_t> wire;           // and then the payload in progress

  // Sending.
  uint32_t frames_owed = 0;  // not yet wholly handed to the kernel
  uint32_t next_frame = 0;   // which prebuilt frame is next
  size_t frame_offset = 0;   // bytes of it already sent
  TimestampQueue unanswered;
};

}  // namespace millrace::load
