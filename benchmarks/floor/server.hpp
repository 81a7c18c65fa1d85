// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "block_pool.hpp"
#include "connection.hpp"

namespace millrace::floor {

enum class Mode {
  kRaw,       // bytes go back as they are
  kStream,    // a header goes back as soon as it is read, payload bytes as they come
  kAssemble,  // a message goes back when its last byte is there
};

/// One thread, epoll, one receive and one send per connection and turn.
///
/// All connections share one receive buffer. What is whole there is rewritten in place into unmasked
/// server frames, which never overtakes the input because each frame loses its four mask bytes:
///
/// ```
///   buffer_:  [16 spare for a split header][frame m payload][frame m payload][part of a frame]
///              becomes                     [frame payload][frame payload]....
/// ```
///
/// When assembling, a message that is not whole there gets a block, and what follows is received
/// straight into it:
///
/// ```
///   block:    [kHeadroom: server header, right-aligned][payload so far][room for the rest]
/// ```
class Server {
 public:
  Server(Mode mode, size_t receive_capacity);

  /// Takes over a listening socket and never returns.
  [[noreturn]] void run(int listener);

 private:
  static constexpr size_t kSpare = 16;
  static constexpr size_t kHeadroom = 10;

  struct Header;

  /// Something to send: bytes in the shared buffer, or a block that is given back when it is sent.
  struct Piece {
    uint8_t* bytes;
    size_t length;
    Block* block;
  };

  void accept_all(int listener);
  void drop(Connection* connection);
  void watch(Connection* connection, uint32_t events);

  // Receiving.
  void on_readable(Connection* connection);
  bool receive(Connection* connection, size_t& length);
  ssize_t receive_into_message(Connection* connection, size_t& length);
  uint8_t* upgrade(Connection* connection, size_t length);

  // Rewriting.
  bool rewrite(Connection* connection, uint8_t* position, uint8_t* end);
  static bool take_header(Connection* connection, const uint8_t* position, const uint8_t* end, Header& header);
  bool begin_fragment(Connection* connection, const Header& header);
  void append_payload(Connection* connection, const uint8_t* bytes, size_t length);
  void finish_fragment(Connection* connection);

  // Sending.
  void add_piece(uint8_t* bytes, size_t length, Block* block);
  bool send_pieces(Connection* connection);
  void queue(Connection* connection, const Piece& piece, size_t sent);
  void forget_pieces();
  void on_writable(Connection* connection);

  const Mode mode_;
  const size_t receive_capacity_;
  uint8_t* const buffer_;
  int epoll_fd_ = -1;
  BlockPool pool_;
  std::vector<Piece> pieces_;
  std::vector<iovec> vectors_;
};

}  // namespace millrace::floor
