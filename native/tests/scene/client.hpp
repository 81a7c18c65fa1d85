// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "sim/sim.hpp"
#include "windows.hpp"

namespace millrace::scene {

/// A message, or a ping, as one side sent it.
struct Message {
  std::uint8_t opcode = 0;
  std::string payload;
  bool operator==(const Message&) const = default;
};

/// One WebSocket client on the simulated kernel. It says what it is told to, keeps the books of what must arrive at
/// Java and of what must come back, and checks every byte that does: one response head, then frames in their shortest
/// form, the messages that Java sent in their order, pongs that answer pings, and at most one Close with nothing behind
/// it.
///
/// Where the loop is a client's, this is the server that it has connected to: requests and responses, masked and
/// unmasked change sides, a Close is answered by itself, and who has said and heard one closes.
class Client {
 public:
  explicit Client(sim::Peer peer, bool serves = false) : peer_(peer), serves_(serves) {}

  /// From here on messages may be compressed, both ways; its own are.
  void deflate(std::uint64_t bits) { windows_.emplace(bits); }

  // ---- what it says: bytes are queued here, write() moves them
  /// The request; of a server the response, whether it was asked for or not.
  void say_upgrade();
  /// A PROXY header in front of the request: none, version 1, version 2 over IPv4, or version 2 of the proxy itself.
  void say_proxied(unsigned kind);
  /// A data frame of its own making; `opcode` is that of the message, and only the first frame carries it.
  void say_frame(std::uint8_t opcode, const std::string& payload, bool final, std::size_t most, std::size_t fragments);
  void say_ping(const std::string& payload);
  void say_pong(const std::string& payload);
  void say_close(std::uint16_t code, const std::string& reason);
  /// Anything: from here on nobody knows what Java must hear.
  void say_raw(const std::string& bytes);

  /// Whether pings are answered.
  bool answers_pings = true;

  // ---- what it does
  /// Moves at most `most` of the queued bytes into the kernel; how many.
  std::size_t write(std::size_t most = SIZE_MAX);
  /// Reads at most `most` bytes and checks them; how many.
  std::size_t read(std::size_t most = SIZE_MAX);
  void finish();
  void reset();
  void close();

  // ---- Java's side of the books
  /// Java has received a message.
  void heard(const Message& message);
  /// Java has sent a message.
  void await(const Message& message) { awaited_.push_back(message); }

  // ---- looking
  [[nodiscard]] sim::Peer peer() const { return peer_; }
  [[nodiscard]] bool is_clean() const { return clean_; }
  /// The opcode of the message that is not finished, or `otherwise`.
  [[nodiscard]] std::uint8_t opcode_or(std::uint8_t otherwise) const {
    return fragments_ > 0 ? assembling_.opcode : otherwise;
  }
  [[nodiscard]] bool said_close() const { return said_close_; }
  /// FIN or RST: it ended the connection by itself, or may have.
  [[nodiscard]] bool has_left() const { return finished_ || gone_; }
  [[nodiscard]] bool is_gone() const { return gone_; }
  /// It is a server, and nothing is left to say or hear.
  [[nodiscard]] bool may_close() const {
    return serves_ && closes_ > 0 && said_close_ && outgoing_.empty() && !has_left();
  }
  [[nodiscard]] bool is_upgraded() const { return upgraded_; }
  [[nodiscard]] int closes() const { return closes_; }
  [[nodiscard]] int pinged() const { return pinged_; }
  [[nodiscard]] std::size_t unwritten() const { return outgoing_.size(); }
  /// Messages that Java has not received, and that have not come back.
  [[nodiscard]] std::size_t unheard() const { return sent_.size(); }
  [[nodiscard]] std::size_t awaited() const { return awaited_.size(); }
  /// The same when the server's Close came.
  [[nodiscard]] std::size_t awaited_at_close() const { return awaited_at_close_; }

 private:
  void check_stream();
  void check_head();
  [[nodiscard]] std::string frame_of(std::uint8_t opcode, const std::string& payload, bool final = true) const;
  void check_frame(std::uint8_t first, const std::string& bytes);
  void check_pong(const std::string& payload);

  sim::Peer peer_;
  bool serves_;
  std::string outgoing_;
  std::string incoming_;
  std::deque<Message> sent_;
  std::deque<Message> awaited_;
  std::deque<std::string> pings_;
  Message assembling_;
  std::size_t fragments_ = 0;
  std::size_t compressed_ = 0;  ///< bytes of them
  std::optional<Windows> windows_;
  bool clean_ = true;
  bool said_close_ = false;
  bool finished_ = false;
  bool gone_ = false;
  bool answered_ = false;
  bool upgraded_ = false;
  int closes_ = 0;
  int pinged_ = 0;
  std::size_t awaited_at_close_ = 0;
};

}  // namespace millrace::scene
