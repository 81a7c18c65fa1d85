// SPDX-License-Identifier: Apache-2.0
//
// A stream of frames, read whole, byte by byte and at random cuts: header, unmasking, text validation, Close bodies.
// What is found must not depend on the cuts, and a fault must be found in the piece that holds the byte where a
// byte-by-byte reader finds it. The first byte of the input chooses the role, the second the rules that are not
// enforced.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "protocol/frame.hpp"
#include "simd/unmask.hpp"
#include "simd/utf8.hpp"

namespace millrace::fuzz {

namespace {

using namespace protocol;
using Bytes = std::vector<std::uint8_t>;

/// Reads frames from pieces, as far as the rooms below the engine go.
class Reader {
 public:
  Reader(Role role, Relaxed relaxed) : role_(role), relaxed_(relaxed) {}

  /// False when the stream is at fault; the reader is not used again.
  bool take(std::span<const std::uint8_t> piece) {
    while (!piece.empty() || frame_is_empty()) {
      const bool good = in_payload_ ? take_payload(&piece) : take_header(&piece);
      if (!good) return false;
    }
    return true;
  }

  [[nodiscard]] const std::string& log() const { return log_; }
  [[nodiscard]] const Bytes& payloads() const { return payloads_; }

 private:
  [[nodiscard]] bool frame_is_empty() const { return in_payload_ && remaining_ == 0; }

  bool fault(ProtocolError error) {
    check(error != ProtocolError::none, "an error names its rule");
    log_ += "fault " + std::to_string(static_cast<int>(error));
    return false;
  }

  bool take_header(std::span<const std::uint8_t>* piece) {
    const std::size_t before = pending_.size();
    const std::size_t taken = std::min(piece->size(), kMaxFrameHeader - before);
    pending_.insert(pending_.end(), piece->begin(), piece->begin() + static_cast<std::ptrdiff_t>(taken));
    ProtocolError error = ProtocolError::none;
    switch (parse_frame_header(pending_.data(), pending_.size(), role_, &header_, &error, relaxed_)) {
      case FrameParse::error:
        return fault(error);
      case FrameParse::incomplete:
        check(pending_.size() < kMaxFrameHeader, "no header is longer than kMaxFrameHeader");
        *piece = piece->subspan(taken);
        return true;
      case FrameParse::complete:
        break;
    }
    check(header_.length > before && header_.length <= pending_.size(), "a header ends in the piece that completes it");
    check(header_.payload_length >> 63 == 0, "a payload length is below 2^63");
    check(!is_control(header_.opcode) || (header_.final && header_.payload_length <= kMaxControlPayload),
          "a control frame is final and short");
    *piece = piece->subspan(header_.length - before);
    pending_.clear();
    begin_payload();
    return true;
  }

  void begin_payload() {
    log_ += std::to_string(static_cast<int>(header_.opcode)) + (header_.final ? "F" : "f") +
            std::to_string(header_.payload_length) + " ";
    in_payload_ = true;
    remaining_ = header_.payload_length;
    offset_ = 0;
    control_.clear();
    if (header_.opcode == Opcode::text || header_.opcode == Opcode::binary) {
      validator_.reset();
      is_text_ = header_.opcode == Opcode::text && !relaxed_.has(Rule::text_utf8);
    }
  }

  bool take_payload(std::span<const std::uint8_t>* piece) {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(piece->size(), remaining_));
    Bytes payload(piece->begin(), piece->begin() + static_cast<std::ptrdiff_t>(taken));
    *piece = piece->subspan(taken);
    if (role_ == Role::server) {
      simd::unmask(payload.data(), payload.size(), header_.masking_key, static_cast<unsigned>(offset_ & 3));
    }
    offset_ += taken;
    remaining_ -= taken;
    payloads_.insert(payloads_.end(), payload.begin(), payload.end());
    if (is_control(header_.opcode)) {
      control_.insert(control_.end(), payload.begin(), payload.end());
    } else if (is_text_ && is_known(header_.opcode) && !validator_.append(payload.data(), payload.size())) {
      return fault(ProtocolError::invalid_utf8);
    }
    return remaining_ > 0 || end_frame();
  }

  bool end_frame() {
    in_payload_ = false;
    if (header_.opcode == Opcode::close) return end_close();
    if (is_control(header_.opcode) || !is_known(header_.opcode) || !header_.final || !is_text_) return true;
    return validator_.complete() || fault(ProtocolError::invalid_utf8);
  }

  bool end_close() {
    CloseBody body;
    const ProtocolError error = parse_close_body(control_.data(), control_.size(), &body, relaxed_);
    if (error != ProtocolError::none) return fault(error);
    check(body.reason_length == (control_.size() < 2 ? 0 : control_.size() - 2), "a reason is what follows the code");
    if (body.code != 0 || control_.empty()) {
      std::uint8_t again[kMaxControlPayload];
      const std::size_t length = write_close_body(again, body.code, body.reason, body.reason_length);
      check(length == control_.size() && std::equal(again, again + length, control_.begin()),
            "a Close body is written as read");
    }
    log_ += "close " + std::to_string(body.code) + " ";
    return true;
  }

  Role role_;
  Relaxed relaxed_;
  Bytes pending_;
  FrameHeader header_;
  bool in_payload_ = false;
  bool is_text_ = false;
  std::uint64_t remaining_ = 0;
  std::uint64_t offset_ = 0;
  Bytes control_;
  simd::Utf8Validator validator_;
  std::string log_;
  Bytes payloads_;
};

struct Run {
  std::string log;
  Bytes payloads;
  std::size_t fault_begin;  ///< the piece in which the stream was refused; both its end when it was not
  std::size_t fault_end;
};

template <class NextLength>
Run run(std::span<const std::uint8_t> stream, Role role, Relaxed relaxed, NextLength next_length) {
  Reader reader(role, relaxed);
  std::size_t begin = 0;
  while (begin < stream.size()) {
    const std::size_t length = std::min(next_length(), stream.size() - begin);
    if (!reader.take(stream.subspan(begin, length))) return {reader.log(), reader.payloads(), begin, begin + length};
    begin += length;
  }
  return {reader.log(), reader.payloads(), stream.size(), stream.size()};
}

void check_same(const Run& bytewise, const Run& other, std::size_t length) {
  check(bytewise.log == other.log, "frames and faults do not depend on the cuts");
  const bool refused = bytewise.fault_begin < length;
  check(refused == (other.fault_begin < length), "a fault does not depend on the cuts");
  if (refused) {
    check(other.fault_begin <= bytewise.fault_begin && bytewise.fault_begin < other.fault_end,
          "a fault is found in the piece that holds it");
  }
  // A reader of larger pieces may have unmasked more of the piece before it met the fault.
  check(bytewise.payloads.size() <= other.payloads.size() &&
            std::equal(bytewise.payloads.begin(), bytewise.payloads.end(), other.payloads.begin()),
        "payloads do not depend on the cuts");
}

constexpr std::string_view operator""_bytes(const char* text, std::size_t length) { return {text, length}; }

constexpr std::string_view kSeeds[] = {
    // Server's view: masked frames, RFC 6455 5.7 and their relatives.
    "\x00\x00\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"_bytes,
    "\x00\x00\x01\x83\x00\x00\x00\x00Hel\x89\x81\x00\x00\x00\x00p\x80\x82\x00\x00\x00\x00lo"_bytes,
    "\x00\x00\x81\x84\x00\x00\x00\x00\xf0\x9f\x98\x80\x82\x80\x01\x02\x03\x04\x8a\x80\x01\x02\x03\x04"_bytes,
    "\x00\x00\x88\x82\x00\x00\x00\x00\x03\xe8"_bytes,
    "\x00\x00\x88\x87\x00\x00\x00\x00\x03\xe9going"_bytes,
    "\x00\x00\x88\x80\x00\x00\x00\x00"_bytes,
    "\x00\x00\x82\xfe\x00\x7e\x01\x02\x03\x04................................................................"_bytes,
    "\x00\x00\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x01\x02\x03\x04................................"_bytes,
    "\x00\x00\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04."_bytes,
    "\x00\x00\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04."_bytes,
    "\x00\x00\x01\x82\x00\x00\x00\x00\xe2\x82\x80\x81\x00\x00\x00\x00\xac"_bytes,
    // Client's view: the same without masks.
    "\x01\x00\x81\x05Hello\x89\x00\x82\x7e\x00\x80................................"_bytes,
    "\x01\x00\x01\x03Hel\x80\x02lo\x88\x04\x0b\xb8\xc3\xa9"_bytes,
    "\x01\x00\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00................................"_bytes,
    "\x01\x00\x81\x06\xce\xba\xe1\xbd\xb9\xcf\x81\x02\xcf\x83"_bytes,
    // Rules that are not enforced: masks and shortest lengths; reserved bits and opcodes; UTF-8 and Close bodies.
    "\x00\x09\x82\x7e\x00\x02"
    "ab\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01z\x89\x00"_bytes,
    "\x00\x06\xf3\x81\x01\x02\x03\x04.\xcb\x80\x01\x02\x03\x04\xc1\x81\x00\x00\x00\x00x"_bytes,
    "\x00\xf0\x81\x82\x00\x00\x00\x00\xc0\x80\x88\x81\x00\x00\x00\x00x\x88\x83\x00\x00\x00\x00\x00\x00\xff"_bytes,
};

}  // namespace

std::span<const std::string_view> seeds() noexcept { return kSeeds; }

}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace millrace::fuzz;
  if (length < 2) return 0;
  const Relaxed relaxed(bytes[1]);
  const Role role = (bytes[0] & 1) == 0 ? Role::server : Role::client;
  const std::span<const std::uint8_t> stream(bytes + 2, length - 2);
  const Run bytewise = run(stream, role, relaxed, [] { return std::size_t{1}; });
  check_same(bytewise, run(stream, role, relaxed, [&stream] { return stream.size(); }), stream.size());
  Random random(hash(stream));
  for (const std::size_t longest : {3, 16, 200}) {
    check_same(bytewise, run(stream, role, relaxed, [&] { return 1 + random.below(longest); }), stream.size());
  }
  return 0;
}
