// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.hpp"
#include "ring/records.hpp"

namespace millrace::ring {

/// Reads the commands and bodies that Java has written. Nothing read here is trusted: offsets are judged before use.
class CommandReader {
 public:
  CommandReader() = default;
  explicit CommandReader(std::uint8_t* control) noexcept : control_(control) {}

  [[nodiscard]] const Record& at(std::uint32_t index) const noexcept {
    return reinterpret_cast<const Record*>(control_ + kCommandsOffset)[index];
  }

  /// The body a command points to, or nullptr when it does not lie in the body area.
  [[nodiscard]] const std::uint8_t* body(const Record& command) const noexcept {
    if ((command.flags & kBody) == 0 || command.address > kBodiesLength) return nullptr;
    if (command.length > kBodiesLength - command.address) return nullptr;
    return control_ + kBodiesOffset + command.address;
  }

 private:
  std::uint8_t* control_ = nullptr;
};

/// Reads a LISTEN body. False when it is cut short.
[[nodiscard]] inline bool read_listen_body(const std::uint8_t* body, std::uint32_t length, ListenBody* out,
                                           const char** path) noexcept {
  if (body == nullptr || length < sizeof(ListenBody)) return false;
  *out = base::load<ListenBody>(body);
  *path = reinterpret_cast<const char*>(body + sizeof(ListenBody));
  return out->path_length <= length - sizeof(ListenBody);
}

}  // namespace millrace::ring
