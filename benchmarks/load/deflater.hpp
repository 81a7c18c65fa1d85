// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

struct z_stream_s;

namespace millrace::load {

/// Compresses one message as browsers do (RFC 7692 7.2.1): raw deflate of zlib's default level, flushed, without the
/// 00 00 ff ff tail. It refers to nothing before it, so it may be sent on any connection, at any time.
[[nodiscard]] std::vector<uint8_t> deflate_message(const std::vector<uint8_t>& message);

/// Inflates the answers of one connection, in their order (RFC 7692 7.2.2).
class Inflater {
 public:
  /// With `takeover` a message may refer to those before it: then every one has to be given.
  explicit Inflater(bool takeover);

  /// Null when the bytes are no compressed message, or one of more than `limit` bytes. Valid until the next call.
  [[nodiscard]] const std::vector<uint8_t>* inflate_message(const std::vector<uint8_t>& compressed, size_t limit);

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };

  const bool takeover_;
  std::unique_ptr<z_stream_s, End> stream_;
  std::vector<uint8_t> message_;
};

}  // namespace millrace::load
