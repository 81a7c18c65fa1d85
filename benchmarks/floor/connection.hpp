// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "block_pool.hpp"

namespace millrace::floor {

struct Connection {
  static constexpr size_t kMaxHeader = 14;

  int fd = -1;
  bool upgraded = false;
  bool closing = false;
  uint8_t header_length = 0;
  uint8_t header[kMaxHeader];      // one that was split across reads
  bool to_message = false;         // the frame in progress goes into `message`
  bool final = false;              // it is the last one of that message
  uint8_t first_byte = 0;          // of the message: its opcode and reserved bits
  uint32_t key = 0;                // rotated so that its first byte applies to the next payload byte
  uint64_t payload_remaining = 0;  // of the frame in progress
  Block* message = nullptr;        // in assembly
  Block* unsent = nullptr;         // a queue; nothing is read while it is not empty
  Block* last_unsent = nullptr;
  std::unique_ptr<std::string> request;  // only until the upgrade
};

}  // namespace millrace::floor
