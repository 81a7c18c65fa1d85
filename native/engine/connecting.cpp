// SPDX-License-Identifier: Apache-2.0
//
// The opening handshake of a client: a socket on its way, requests that Java has written, response heads for Java to
// judge.
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "engine/loop.hpp"

namespace millrace::engine {

using memory::kNone;
using protocol::ProtocolError;
using protocol::ResponseParse;

/// DIALED answers at once, in the events of the turn that this command is of.
void Loop::connect(const ring::Record& command) noexcept {
  ring::ConnectBody body;
  const char* path = nullptr;
  std::uint32_t slot = kNone;
  int result = -EINVAL;
  const bool readable = ring::read_connect_body(commands_.body(command), command.length, &body, &path);
  if (readable && role_ == protocol::Role::client && body.to.path_length <= os::kMaxLocalPath && body.timeout_ns > 0 &&
      body.to.congestion[os::kMaxCongestionName] == '\0') {
    result = begin_connection(&slot);
  }
  if (result >= 0) {
    os::ConnectOptions options;
    options.receive_buffer = body.to.receive_buffer;
    options.send_buffer = body.to.send_buffer;
    static_assert(sizeof options.congestion == sizeof body.to.congestion);
    std::memcpy(options.congestion, body.to.congestion, sizeof options.congestion);
    result = start_connecting(slot, address_of(body.to, path), options);
  }
  if (result < 0) {
    count(ring::kAcceptFailures);
    tell_refused(command.auxiliary, -result);
    return;
  }
  Connection& connection = connections_[slot];
  connection.announced = true;
  openings_[connection.opening].token = command.auxiliary;
  openings_[connection.opening].key[0] = '\0';  // nothing here is answered by 101
  count(ring::kAccepted);
  post(slot, kPendingDialed);
  set_deadline(slot, std::min(body.timeout_ns, kLongestDelayNs));
}

/// 0, or -errno: then the slot is given back.
int Loop::start_connecting(std::uint32_t slot, const os::Address& address, const os::ConnectOptions& options) noexcept {
  Connection& connection = connections_[slot];
  const int fd = os::connect_start(address, options);
  int result = fd;
  if (fd >= 0) {
    const std::uint64_t data = std::uint64_t{connection.generation} << 32 | slot;
    result = os::poller_add(poller_, fd, data, false, true);
    if (result < 0) os::close_socket(fd, true);
  }
  if (result < 0) {
    end_opening(connection);
    release_slot(slot);
    return result;
  }
  connection.stream = transport::Stream(fd);
  connection.phase = Phase::connecting;
  connection.on_poller = connection.armed_write = true;
  return 0;
}

/// The attempt has come to its end, one way or the other.
void Loop::finish_connecting(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (const int error = os::socket_error(connection.stream.fd()); error != 0) {
    end(slot, std::abs(error), false);
    return;
  }
  connection.phase = Phase::connected;
  set_deadline(slot, options_.handshake_timeout_ns);  // nobody keeps a socket that nobody asks
  post(slot, kPendingConnected);
  update_interest(slot);
}

/// Sends a request; the response has the handshake's time.
void Loop::ask(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  std::uint8_t* const request = staged(command, 0);
  const bool may_ask = connection.phase == Phase::connected || connection.phase == Phase::deciding;
  if (role_ != protocol::Role::client || !may_ask || request == nullptr) {
    reject(slot, command);
    return;
  }
  if (connection.held != kNone) {
    // It has answered what nobody has asked yet.
    refuse_response(slot);
    return;
  }
  Opening& opening = openings_[connection.opening];
  opening.response.reset();
  opening.length = 0;
  connection.phase = Phase::awaiting;
  put(slot, request, command.length, {0, 0, Gather::Source::copied});
  set_deadline(slot, options_.handshake_timeout_ns);
}

void Loop::receive_response(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  const std::size_t room = std::min(arena_.available(), ring::kQuantum);
  const iovec piece{arena_.begin_write(room), room};
  const std::int64_t received = connection.stream.receive(&piece, 1);
  arena_.end_write(room);
  count(ring::kReceives);
  if (received == -EAGAIN) return;
  if (received <= 0) {
    end(slot, received == 0 ? 0 : static_cast<int>(-received), false);
    return;
  }
  count(ring::kBytesReceived, received);
  const std::uint8_t* bytes = arena_.allocate(static_cast<std::size_t>(received));
  take_response(slot, bytes, static_cast<std::uint32_t>(received));
}

void Loop::take_response(std::uint32_t slot, const std::uint8_t* bytes, std::uint32_t length) noexcept {
  Connection& connection = connections_[slot];
  Opening& opening = openings_[connection.opening];
  const std::uint8_t* head = nullptr;
  std::uint32_t taken = 0;
  if (!gather_head(slot, bytes, length, &head, &taken)) return;
  protocol::ResponseFacts facts;
  switch (opening.response.parse(head, opening.length, handshake_limits_, &facts)) {
    case ResponseParse::incomplete:
      keep_head(slot, bytes, length);
      return;
    case ResponseParse::malformed:
      refuse_response(slot);
      return;
    case ResponseParse::complete:
      break;
  }
  const std::uint32_t behind = opening.length - facts.head_end;  // bytes of this piece that follow the head
  const std::uint8_t* rest = bytes + (taken - behind);
  announce_response(slot, head, facts);
  const auto rest_length = static_cast<std::size_t>(bytes + length - rest);
  if (rest_length > 0) hold(slot, rest, rest_length);
  if (connection.phase == Phase::deciding) update_interest(slot);
}

void Loop::announce_response(std::uint32_t slot, const std::uint8_t* head,
                             const protocol::ResponseFacts& facts) noexcept {
  Connection& connection = connections_[slot];
  Opening& opening = openings_[connection.opening];
  connection.phase = Phase::deciding;
  clear_deadline(slot);
  ring::Record response{};
  response.type = ring::kResponse;
  response.slot = slot;
  response.generation = connection.generation;
  response.address = address_of(offset_of(head + facts.head));
  response.length = facts.head_end - facts.head;
  response.auxiliary = facts.status;
  events_.append(response);
  if (opening.block != 0) {
    deliver_later_free(opening.block);
    opening.block = 0;
  }
}

void Loop::refuse_response(std::uint32_t slot) noexcept {
  count(ring::kProtocolErrors);
  connections_[slot].protocol_error = static_cast<std::uint8_t>(ProtocolError::malformed_response);
  end(slot, 0, false);
}

/// Java has found the response to be what it asked for.
void Loop::open_by_command(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  if (role_ != protocol::Role::client || connection.phase != Phase::deciding ||
      !begin_deflate(slot, command.auxiliary)) {
    reject(slot, command);
    return;
  }
  end_opening(connection);
  connection.phase = Phase::open;
  connection.websocket = true;
  begin_watch(slot);
}

}  // namespace millrace::engine
