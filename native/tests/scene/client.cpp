// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/frames.hpp"

namespace millrace::scene {

using namespace engine::test;
using sim::check;

namespace {

constexpr std::uint8_t kRsv1 = 0x40;

}  // namespace

std::string Client::frame_of(std::uint8_t opcode, const std::string& payload, bool final) const {
  if (serves_) return server_frame(opcode, payload, final);
  return client_frame(opcode, payload, final, static_cast<std::uint32_t>(0x9E3779B9U * (outgoing_.size() + 1)));
}

void Client::say_upgrade() {
  if (serves_) {
    outgoing_ +=
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    return;
  }
  outgoing_ +=
      "GET /scene HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

void Client::say_proxied(unsigned kind) {
  static const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
  if (kind == 1) outgoing_ += "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n";
  if (kind == 2)
    outgoing_ += kSignature + std::string("\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x50", 16);
  if (kind == 3) outgoing_ += kSignature + std::string("\x20\x00\x00\x00", 4);
}

void Client::say_frame(std::uint8_t opcode, const std::string& payload, bool final, std::size_t most,
                       std::size_t fragments) {
  const bool continues = fragments_ > 0;
  if (!continues) assembling_ = {opcode, {}};
  if (!continues) compressed_ = 0;
  ++fragments_;
  assembling_.payload += payload;
  const std::string compressed = windows_.has_value() ? windows_->compress(payload, final) : payload;
  compressed_ += compressed.size();
  const std::uint8_t first = windows_.has_value() ? opcode | kRsv1 : opcode;
  outgoing_ += frame_of(continues ? kContinuation : first, compressed, final);
  if (said_close_) return;
  // What breaks a limit is refused, and nothing behind it is heard.
  if (assembling_.payload.size() > most || compressed_ > most || fragments_ > fragments) clean_ = false;
  if (!final) return;
  if (clean_) sent_.push_back(std::move(assembling_));
  fragments_ = 0;
}

void Client::say_ping(const std::string& payload) {
  outgoing_ += frame_of(kPing, payload);
  pings_.push_back(payload);
}

void Client::say_pong(const std::string& payload) { outgoing_ += frame_of(kPongFrame, payload); }

void Client::say_close(std::uint16_t code, const std::string& reason) {
  outgoing_ += frame_of(kCloseFrame, code == 0 ? std::string() : big_endian(code, 2) + reason);
  said_close_ = true;
}

void Client::say_raw(const std::string& bytes) {
  outgoing_ += bytes;
  clean_ = false;
}

std::size_t Client::write(std::size_t most) {
  if (has_left()) return 0;
  const std::size_t written = sim::write(peer_, std::string_view(outgoing_).substr(0, most));
  outgoing_.erase(0, written);
  return written;
}

std::size_t Client::read(std::size_t most) {
  if (gone_) return 0;
  const std::string bytes = sim::read(peer_, most);
  incoming_ += bytes;
  check_stream();
  return bytes.size();
}

void Client::finish() {
  finished_ = true;
  sim::finish(peer_);
}

void Client::reset() {
  gone_ = true;
  sim::reset(peer_);
}

void Client::close() {
  gone_ = true;
  sim::close(peer_);
}

void Client::heard(const Message& message) {
  if (sent_.empty()) {
    check(!clean_, "Java receives no message that nobody sent");
    return;
  }
  check(message == sent_.front(), "Java receives what was sent, in order");
  sent_.pop_front();
}

void Client::check_head() {
  const std::size_t end = incoming_.find("\r\n\r\n");
  if (end == std::string::npos) {
    check(incoming_.size() < 4096, "a head ends");
    return;
  }
  answered_ = true;
  if (serves_) {
    check(incoming_.starts_with("GET /scene HTTP/1.1\r\n"), "the first bytes are the request");
    upgraded_ = true;
    incoming_.erase(0, end + 4);
    return;
  }
  check(incoming_.starts_with("HTTP/1.1 "), "the first bytes are a response");
  upgraded_ = incoming_.starts_with("HTTP/1.1 101 ");
  if (upgraded_) {
    const bool keyed = incoming_.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") < end;
    check(keyed || !clean_, "the key is answered");
    incoming_.erase(0, end + 4);
  }
}

void Client::check_stream() {
  // Who has answered with anything but 101 may be asked again: no frame begins like a request.
  while (!answered_ || (serves_ && incoming_.starts_with('G'))) {
    answered_ = false;
    check_head();
    if (!answered_) return;
  }
  if (!upgraded_) return;
  std::size_t at = 0;
  if (serves_) {
    while (const std::optional<MaskedFrame> masked = take_masked_frame(incoming_, &at)) {
      check(masked->frame.first != 0, "a frame is masked and its length is in the shortest form");
      check_frame(masked->frame.first, masked->frame.payload);
    }
  } else {
    while (const std::optional<Frame> frame = take_frame(&incoming_, &at)) {
      check(frame->first != 0, "a frame is not masked and its length is in the shortest form");
      check_frame(frame->first, frame->payload);
    }
  }
  check(at == incoming_.size() || closes_ == 0, "nothing stands behind a Close frame");
  incoming_.erase(0, at);
}

void Client::check_frame(std::uint8_t first, const std::string& bytes) {
  const bool compressed = windows_.has_value() && (first & kRsv1) != 0 && (first & 0x08) == 0;
  check((first & 0xf0) == (compressed ? 0x80 | kRsv1 : 0x80), "a frame is final and has no reserved bit");
  const std::string payload = compressed ? windows_->inflate(bytes) : bytes;
  check(closes_ == 0, "nothing stands behind a Close frame, not even another one");
  const std::uint8_t opcode = first & 0x0f;
  if (opcode == kPongFrame) {
    check_pong(payload);
    return;
  }
  if (opcode == kPing) {
    check(payload.size() == sizeof(std::int64_t), "a ping carries a time");
    ++pinged_;
    if (answers_pings && !said_close_) say_pong(payload);
    return;
  }
  if (opcode == kCloseFrame) {
    ++closes_;
    check(payload.size() != 1 && payload.size() <= 125, "a Close body is a code and a reason, or empty");
    awaited_at_close_ = awaited_.size();
    if (serves_ && !said_close_) say_close(payload.empty() ? 0 : 1000, {});
    return;
  }
  check(!awaited_.empty(), "nothing comes that Java did not send");
  check(awaited_.front() == Message{opcode, payload}, "what comes is what Java sent, in order");
  awaited_.pop_front();
}

void Client::check_pong(const std::string& payload) {
  check(payload.size() <= 125, "a pong is short");
  // The latest ping may stand for those before it (RFC 6455 5.5.3).
  const auto ping = std::find(pings_.begin(), pings_.end(), payload);
  if (ping == pings_.end()) {
    check(!clean_, "a pong answers a ping");
    return;
  }
  pings_.erase(pings_.begin(), ping + 1);
}

}  // namespace millrace::scene
