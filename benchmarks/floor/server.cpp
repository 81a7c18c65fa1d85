// SPDX-License-Identifier: Apache-2.0
#include "server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "accept_key.hpp"
#include "unmask.hpp"

namespace millrace::floor {
namespace {

constexpr int kMaxEvents = 1024;
constexpr size_t kPage = 4096;
constexpr size_t kMaxRequest = 65536;
constexpr uint64_t kMaxMessage = 256 << 20;  // assembling needs some bound: a length is 63 bits of the peer's choice
constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kOpcodeMask = 0x0f;
constexpr uint8_t kClose = 8;
constexpr uint8_t kPing = 9;
constexpr uint8_t kPong = 10;

bool is_control(uint8_t opcode) { return opcode >= kClose; }

uint8_t* allocate_buffer(size_t capacity) {
  void* buffer = aligned_alloc(kPage, (capacity + kPage - 1) / kPage * kPage);
  if (!buffer) abort();
  return static_cast<uint8_t*>(buffer);
}

/// The server's header, at most 10 bytes. RFC 6455 5.2.
size_t write_header(uint8_t* target, uint8_t first_byte, uint64_t length) {
  target[0] = first_byte;
  if (length < 126) {
    target[1] = static_cast<uint8_t>(length);
    return 2;
  }
  size_t width = length < 65536 ? 2 : 8;
  target[1] = width == 2 ? 126 : 127;
  for (size_t i = 0; i < width; i++) target[2 + i] = static_cast<uint8_t>(length >> (8 * (width - 1 - i)));
  return 2 + width;
}

/// Empty when there is no usable key.
std::string key_of(const std::string& request, size_t end) {
  constexpr char kName[] = "\r\nsec-websocket-key:";
  std::string lower = request.substr(0, end + 2);
  for (auto& c : lower) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
  size_t begin = lower.find(kName);
  if (begin == std::string::npos) return "";
  begin += sizeof kName - 1;
  std::string key = request.substr(begin, lower.find("\r\n", begin) - begin);
  key.erase(0, key.find_first_not_of(" \t"));
  key.erase(key.find_last_not_of(" \t") + 1);
  return key.size() > kMaxKey ? "" : key;
}

}  // namespace

struct Server::Header {
  uint8_t first_byte;
  uint8_t opcode;
  uint32_t key;
  uint64_t payload_length;
  size_t length;  // with the masking key
};

Server::Server(Mode mode, size_t receive_capacity)
    : mode_(mode),
      receive_capacity_(receive_capacity),
      buffer_(allocate_buffer(receive_capacity + kSpare) + kSpare),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {}

void Server::run(int listener) {
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener, &event);
  static epoll_event events[kMaxEvents];
  for (;;) {
    int count = epoll_wait(epoll_fd_, events, kMaxEvents, -1);
    for (int i = 0; i < count; i++) {
      // One event per connection and round, so nobody before it can have dropped this one.
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      if (!connection) {
        accept_all(listener);
      } else if (connection->unsent) {
        on_writable(connection);
      } else {
        on_readable(connection);
      }
    }
  }
}

void Server::accept_all(int listener) {
  int fd;
  while ((fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // a Unix socket refuses it and needs none
    auto* connection = new Connection;
    connection->fd = fd;
    connection->upgraded = mode_ == Mode::kRaw;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection;
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  }
}

void Server::drop(Connection* connection) {
  close(connection->fd);
  if (connection->message) pool_.release(connection->message);
  while (Block* block = connection->unsent) {
    connection->unsent = block->next;
    pool_.release(block);
  }
  delete connection;
}

void Server::watch(Connection* connection, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = connection;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection->fd, &event);
}

// Receiving.

void Server::on_readable(Connection* connection) {
  size_t length = 0;
  if (!receive(connection, length)) return;
  if (mode_ == Mode::kRaw) {
    add_piece(buffer_, length, nullptr);
    send_pieces(connection);
    return;
  }
  uint8_t* position = buffer_;
  uint8_t* end = buffer_ + length;
  if (!connection->upgraded) {
    position = upgrade(connection, length);
    if (!position) return;
  }
  position -= connection->header_length;
  memcpy(position, connection->header, connection->header_length);
  connection->header_length = 0;
  if (!rewrite(connection, position, end)) {
    forget_pieces();
    drop(connection);
    return;
  }
  if (!pieces_.empty() && !send_pieces(connection)) return;
  if (connection->closing && !connection->payload_remaining && !connection->unsent) drop(connection);
}

// False when there is nothing to do; `length` is what lies in the shared buffer.
bool Server::receive(Connection* connection, size_t& length) {
  ssize_t received;
  if (connection->to_message && connection->payload_remaining) {
    received = receive_into_message(connection, length);
  } else {
    received = recv(connection->fd, buffer_, receive_capacity_, MSG_DONTWAIT);
    if (received > 0) length = static_cast<size_t>(received);
  }
  if (received > 0) return true;
  if (received == 0 || (errno != EAGAIN && errno != EINTR)) drop(connection);
  return false;
}

ssize_t Server::receive_into_message(Connection* connection, size_t& length) {
  Block* block = connection->message;
  // No more at once than the cache holds until it is unmasked.
  size_t room = std::min<uint64_t>(connection->payload_remaining, receive_capacity_);
  iovec vectors[] = {{block->bytes() + block->end, room}, {buffer_, receive_capacity_}};
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = room == connection->payload_remaining ? 2 : 1;
  ssize_t received = recvmsg(connection->fd, &message, MSG_DONTWAIT);
  if (received <= 0) return received;
  size_t taken = std::min(static_cast<size_t>(received), room);
  append_payload(connection, block->bytes() + block->end, taken);
  if (!connection->payload_remaining) finish_fragment(connection);
  length = static_cast<size_t>(received) - taken;
  return received;
}

// Where the bytes behind the request begin; null while it is not whole, or when the connection is gone.
uint8_t* Server::upgrade(Connection* connection, size_t length) {
  if (!connection->request) connection->request = std::make_unique<std::string>();
  std::string& request = *connection->request;
  request.append(reinterpret_cast<char*>(buffer_), length);
  size_t end = request.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (request.size() > kMaxRequest) drop(connection);
    return nullptr;
  }
  std::string key = key_of(request, end);
  if (key.empty()) {
    drop(connection);
    return nullptr;
  }
  std::string response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
      accept_key(key) + "\r\n\r\n";
  Block* block = pool_.acquire(response.size());
  memcpy(block->bytes(), response.data(), response.size());
  block->end = response.size();
  add_piece(block->bytes(), response.size(), block);
  size_t rest = request.size() - (end + 4);
  connection->request.reset();
  connection->upgraded = true;
  return buffer_ + length - rest;
}

// Rewriting.

// False when the connection asks for more than the floor holds.
bool Server::rewrite(Connection* connection, uint8_t* position, uint8_t* end) {
  uint8_t* run = position;  // finished output since the last piece
  uint8_t* output = position;
  while (position < end) {
    if (connection->payload_remaining) {
      auto length = static_cast<size_t>(std::min(connection->payload_remaining, static_cast<uint64_t>(end - position)));
      unmask_move(output, position, length, connection->key);
      connection->key = rotate_key(connection->key, length);
      connection->payload_remaining -= length;
      output += length;
      position += length;
      continue;
    }
    Header header;
    if (!take_header(connection, position, end, header)) break;
    position += header.length;
    auto available = static_cast<uint64_t>(end - position);
    connection->key = header.key;
    connection->payload_remaining = header.payload_length;
    connection->closing |= header.opcode == kClose;
    const bool final = header.first_byte & kFinal;
    // A control frame may stand between fragments and goes back at once (RFC 6455 5.4).
    connection->to_message = mode_ == Mode::kAssemble && !is_control(header.opcode) &&
                             (connection->message || !final || available < header.payload_length);
    if (!connection->to_message) {
      auto first_byte = header.opcode == kPing ? static_cast<uint8_t>(kFinal | kPong) : header.first_byte;
      output += write_header(output, first_byte, header.payload_length);
      continue;
    }
    add_piece(run, static_cast<size_t>(output - run), nullptr);
    run = output;
    connection->final = final;
    if (!begin_fragment(connection, header)) return false;
    auto length = static_cast<size_t>(std::min(header.payload_length, available));
    append_payload(connection, position, length);
    position += length;
    if (!connection->payload_remaining) finish_fragment(connection);
  }
  add_piece(run, static_cast<size_t>(output - run), nullptr);
  return true;
}

// False when the header is not whole; what there is of it is kept.
bool Server::take_header(Connection* connection, const uint8_t* position, const uint8_t* end, Header& header) {
  auto available = static_cast<size_t>(end - position);
  size_t needed = 6;
  uint8_t short_length = available >= 2 ? position[1] & 0x7f : 0;
  if (short_length >= 126) needed += short_length == 126 ? 2 : 8;
  if (available < needed) {
    memcpy(connection->header, position, available);
    connection->header_length = static_cast<uint8_t>(available);
    return false;
  }
  header.first_byte = position[0];
  header.opcode = position[0] & kOpcodeMask;
  header.length = needed;
  header.payload_length = short_length;
  if (short_length >= 126) {
    header.payload_length = 0;
    for (size_t i = 2; i < needed - 4; i++) header.payload_length = header.payload_length << 8 | position[i];
  }
  memcpy(&header.key, position + needed - 4, 4);
  return true;
}

bool Server::begin_fragment(Connection* connection, const Header& header) {
  Block* block = connection->message;
  size_t used = block ? block->end : kHeadroom;
  if (header.payload_length > kMaxMessage - used) return false;
  size_t needed = used + static_cast<size_t>(header.payload_length);
  if (block && needed <= block->capacity) return true;
  Block* larger = pool_.acquire(needed);
  larger->begin = kHeadroom;
  larger->end = used;
  if (block) {
    memcpy(larger->bytes() + kHeadroom, block->bytes() + kHeadroom, used - kHeadroom);
    pool_.release(block);
  } else {
    connection->first_byte = header.first_byte;
  }
  connection->message = larger;
  return true;
}

// `bytes` may lie at the block's end already.
void Server::append_payload(Connection* connection, const uint8_t* bytes, size_t length) {
  Block* block = connection->message;
  unmask_move(block->bytes() + block->end, bytes, length, connection->key);
  connection->key = rotate_key(connection->key, length);
  connection->payload_remaining -= length;
  block->end += length;
}

void Server::finish_fragment(Connection* connection) {
  if (!connection->final) return;
  Block* block = connection->message;
  uint8_t header[kHeadroom];
  size_t length = write_header(header, connection->first_byte | kFinal, block->end - kHeadroom);
  block->begin = kHeadroom - length;
  memcpy(block->bytes() + block->begin, header, length);
  add_piece(block->bytes() + block->begin, block->length(), block);
  connection->message = nullptr;
  connection->to_message = false;
}

// Sending.

void Server::add_piece(uint8_t* bytes, size_t length, Block* block) {
  if (length) pieces_.push_back({bytes, length, block});
}

// False when the connection is gone.
bool Server::send_pieces(Connection* connection) {
  ssize_t sent;
  if (pieces_.size() == 1) {
    sent = send(connection->fd, pieces_[0].bytes, pieces_[0].length, MSG_NOSIGNAL | MSG_DONTWAIT);
  } else {
    vectors_.clear();
    for (const Piece& piece : pieces_) vectors_.push_back({piece.bytes, piece.length});
    msghdr message{};
    message.msg_iov = vectors_.data();
    message.msg_iovlen = std::min(vectors_.size(), static_cast<size_t>(IOV_MAX));
    sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  bool failed = sent < 0 && errno != EAGAIN;
  auto left = static_cast<size_t>(std::max<ssize_t>(sent, 0));
  for (const Piece& piece : pieces_) {
    if (failed || left >= piece.length) {
      if (piece.block) pool_.release(piece.block);
      left -= std::min(left, piece.length);
    } else {
      queue(connection, piece, left);
      left = 0;
    }
  }
  pieces_.clear();
  if (failed) {
    drop(connection);
    return false;
  }
  if (connection->unsent) watch(connection, EPOLLOUT);  // read nothing more until it is written
  return true;
}

void Server::queue(Connection* connection, const Piece& piece, size_t sent) {
  Block* block = piece.block;
  if (block) {
    block->begin += sent;
  } else {
    block = pool_.acquire(piece.length - sent);
    memcpy(block->bytes(), piece.bytes + sent, piece.length - sent);
    block->end = piece.length - sent;
  }
  block->next = nullptr;
  (connection->unsent ? connection->last_unsent->next : connection->unsent) = block;
  connection->last_unsent = block;
}

void Server::forget_pieces() {
  for (const Piece& piece : pieces_) {
    if (piece.block) pool_.release(piece.block);
  }
  pieces_.clear();
}

void Server::on_writable(Connection* connection) {
  while (Block* block = connection->unsent) {
    ssize_t sent = send(connection->fd, block->bytes() + block->begin, block->length(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno != EAGAIN) drop(connection);
      return;
    }
    block->begin += static_cast<size_t>(sent);
    if (block->length()) return;
    connection->unsent = block->next;
    pool_.release(block);
  }
  if (connection->closing && !connection->payload_remaining) {
    drop(connection);
    return;
  }
  watch(connection, EPOLLIN);
}

}  // namespace millrace::floor
