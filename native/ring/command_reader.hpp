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
    const std::uint64_t written = position(kBodyPositionOffset, kBodiesLength);
    if ((command.flags & kBody) == 0 || command.address > written) return nullptr;
    if (command.length > written - command.address) return nullptr;
    return control_ + kBodiesOffset + command.address;
  }

  /// How much of the send area Java has written.
  [[nodiscard]] std::uint64_t send_position() const noexcept { return position(kSendPositionOffset, kSendAreaLength); }

 private:
  [[nodiscard]] std::uint64_t position(std::size_t offset, std::uint64_t limit) const noexcept {
    return std::min(base::load<std::uint64_t>(control_ + offset), limit);
  }

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

/// Reads a CONNECT body. False when it is cut short.
[[nodiscard]] inline bool read_connect_body(const std::uint8_t* body, std::uint32_t length, ConnectBody* out,
                                            const char** path) noexcept {
  if (body == nullptr || length < sizeof(ConnectBody)) return false;
  *out = base::load<ConnectBody>(body);
  *path = reinterpret_cast<const char*>(body + sizeof(ConnectBody));
  return out->to.path_length <= length - sizeof(ConnectBody);
}

}  // namespace millrace::ring
