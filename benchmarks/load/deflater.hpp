// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::load {

/// Compresses one message as permessage-deflate wants it (RFC 7692 7.2.1): raw deflate, flushed,
/// without the 00 00 ff ff tail. LZ77 with fixed Huffman codes: small enough to need no library,
/// good enough to give the server real work.
[[nodiscard]] std::vector<uint8_t> deflate_message(const uint8_t* bytes, size_t length);

}  // namespace millrace::load
