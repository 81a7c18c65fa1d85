// SPDX-License-Identifier: Apache-2.0
#include "frames.hpp"

#include <algorithm>

#include "deflater.hpp"
#include "payload.hpp"

namespace millrace::load {
namespace {

constexpr size_t kDistinctPayloads = 16;
constexpr size_t kPayloadBudget = 64 << 20;
constexpr size_t kFrameBudget = 32 << 20;
constexpr int kOpenLoopBurst = 64;

void append_big_endian(std::vector<uint8_t>& bytes, uint64_t value, int width) {
  for (int shift = (width - 1) * 8; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
}

void append_length(std::vector<uint8_t>& frame, size_t length) {  // RFC 6455 5.2
  constexpr uint8_t kMasked = 0x80;
  if (length < 126) {
    frame.push_back(static_cast<uint8_t>(kMasked | length));
  } else if (length < 65536) {
    frame.push_back(kMasked | 126);
    append_big_endian(frame, length, 2);
  } else {
    frame.push_back(kMasked | 127);
    append_big_endian(frame, length, 8);
  }
}

// One payload unless it is compared, so that an echo of the wrong message is seen, or compressed, so that a server's
// branches do not learn the one message by heart.
size_t distinct_payloads(const Options& options) {
  size_t distinct = options.verify_every || options.deflate ? kDistinctPayloads : 1;
  while (distinct > 2 && distinct * options.payload_length > kPayloadBudget) distinct /= 2;
  return distinct;
}

}  // namespace

std::vector<uint8_t> build_frame(Protocol protocol, uint8_t first_byte, const uint8_t* payload, size_t length,
                                 uint32_t masking_key) {
  std::vector<uint8_t> frame;
  frame.reserve(length + 14);
  if (protocol == Protocol::kLength32) {
    append_big_endian(frame, length, 4);
    frame.insert(frame.end(), payload, payload + length);
    return frame;
  }
  frame.push_back(first_byte);
  append_length(frame, length);
  for (int i = 0; i < 4; i++) frame.push_back(static_cast<uint8_t>(masking_key >> (8 * i)));
  for (size_t i = 0; i < length; i++) {
    frame.push_back(static_cast<uint8_t>(payload[i] ^ static_cast<uint8_t>(masking_key >> (8 * (i & 3)))));
  }
  return frame;
}

Frames::Frames(const Options& options) {
  auto first_byte =
      static_cast<uint8_t>(kFinal | (options.deflate ? kCompressed : 0) | (options.text ? kText : kBinary));
  Random random;
  std::vector<std::vector<uint8_t>> frames;
  size_t distinct = distinct_payloads(options);
  for (size_t i = 0; i < distinct; i++) {
    std::vector<uint8_t> payload = make_payload(options.payload, options.payload_length, random);
    uint32_t key =
        static_cast<uint32_t>(random.next() >> 16) | 0x01010101u;  // no byte of it leaves the payload as it is
    std::vector<uint8_t> body = options.deflate ? deflate_message(payload) : payload;
    frames.push_back(build_frame(options.protocol, first_byte, body.data(), body.size(), key));
    payloads_.push_back(std::move(payload));
  }
  auto burst = static_cast<size_t>(options.open_loop() ? std::max(options.pipeline, kOpenLoopBurst) : options.pipeline);
  size_t count =
      std::max(distinct, std::min(distinct + burst - 1, std::max(distinct, kFrameBudget / frames[0].size())));
  for (size_t i = 0; i < count; i++) {
    const std::vector<uint8_t>& frame = frames[i % distinct];
    bytes_.insert(bytes_.end(), frame.begin(), frame.end());
    begins_.push_back(bytes_.size());
  }
}

}  // namespace millrace::load
