// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/loop.hpp"

namespace millrace::engine {

using memory::kNone;
using protocol::HandshakeParse;

void Loop::receive_request(std::uint32_t slot) noexcept {
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
  auto length = static_cast<std::uint32_t>(received);
  if (openings_[connection.opening].proxy_header_due && !take_proxy_header(slot, &bytes, &length)) return;
  take_request(slot, bytes, length);
}

/// The header of the PROXY protocol: takes what belongs to it off the bytes, and tells whether some of a request
/// follow.
bool Loop::take_proxy_header(std::uint32_t slot, const std::uint8_t** bytes, std::uint32_t* length) noexcept {
  Opening& opening = openings_[connections_[slot].opening];
  const std::uint32_t before = opening.length;  // in the block
  const std::uint8_t* head = *bytes;
  std::uint32_t taken = std::min<std::uint32_t>(*length, protocol::kMaxProxyHeader - before);
  if (before > 0) {
    std::uint8_t* const room = head_room(slot, before + taken);
    if (room == nullptr) return false;
    std::memcpy(room + before, *bytes, taken);
    head = room;
  }
  switch (protocol::parse_proxy_header(head, before + taken, &opening.proxied)) {
    case protocol::ProxyParse::incomplete: {
      if (before == 0) {
        std::uint8_t* const room = head_room(slot, taken);
        if (room == nullptr) return false;
        std::memcpy(room, head, taken);
      }
      opening.length += taken;
      return false;
    }
    case protocol::ProxyParse::malformed:
      count(ring::kHandshakesRefused);
      end(slot, 0, false);
      return false;
    case protocol::ProxyParse::absent:
      opening.proxy_header_due = false;
      return true;
    case protocol::ProxyParse::complete:
      break;
  }
  opening.proxy_header_due = false;
  if (before > 0) {
    region_->release_owned(opening.block);
    opening.block = 0;
    opening.length = 0;
  }
  *bytes += opening.proxied.length - before;
  *length -= opening.proxied.length - before;
  return *length > 0;
}

void Loop::take_request(std::uint32_t slot, const std::uint8_t* bytes, std::uint32_t length) noexcept {
  Opening& opening = openings_[connections_[slot].opening];
  const std::uint8_t* head = nullptr;
  std::uint32_t taken = 0;
  if (!gather_head(slot, bytes, length, &head, &taken)) return;
  protocol::RequestFacts facts;
  protocol::Refusal refusal;
  switch (opening.parser.parse(head, opening.length, handshake_limits_, &facts, &refusal)) {
    case HandshakeParse::incomplete:
      keep_head(slot, bytes, length);
      return;
    case HandshakeParse::refused:
      refuse(slot, refusal);
      return;
    case HandshakeParse::complete:
      break;
  }
  const std::uint32_t behind = opening.length - facts.head_length;  // bytes of this piece that follow the head
  const std::uint8_t* rest = bytes + (taken - behind);
  announce_request(slot, head, facts);
  const auto rest_length = static_cast<std::size_t>(bytes + length - rest);
  if (rest_length > 0) hold(slot, rest, rest_length);
  if (connections_[slot].phase == Phase::deciding) update_interest(slot);
}

/// Joins a piece with those of the head that came before. `*taken` bytes of it are part of what is at `*head` then.
/// False when the connection has ended for want of memory.
bool Loop::gather_head(std::uint32_t slot, const std::uint8_t* bytes, std::uint32_t length, const std::uint8_t** head,
                       std::uint32_t* taken) noexcept {
  Opening& opening = openings_[connections_[slot].opening];
  *head = bytes;
  *taken = length;
  if (opening.block == 0) {
    opening.length = length;
    return true;
  }
  // One byte over the limit is enough for the parser to refuse.
  *taken = std::min(length, handshake_limits_.max_header_bytes + 1 - opening.length);
  std::uint8_t* const room = head_room(slot, opening.length + *taken);
  if (room == nullptr) return false;
  std::memcpy(room + opening.length, bytes, *taken);
  *head = room;
  opening.length += *taken;
  return true;
}

/// The head is not whole yet: its first piece begins a block.
void Loop::keep_head(std::uint32_t slot, const std::uint8_t* bytes, std::uint32_t length) noexcept {
  if (openings_[connections_[slot].opening].block != 0) return;
  if (std::uint8_t* const room = head_room(slot, length); room != nullptr) std::memcpy(room, bytes, length);
}

/// The block of a head that comes in pieces, with room for so many bytes of it, or null when the connection has ended
/// for want of memory. It doubles, so that who drips pins no more than twice what he has sent.
std::uint8_t* Loop::head_room(std::uint32_t slot, std::uint32_t length) noexcept {
  Opening& opening = openings_[connections_[slot].opening];
  if (opening.block == 0 || blocks().size_of(opening.block) < length) {
    const std::int64_t block = acquire_for(slot, std::max<std::size_t>(length, kFirstBlock));
    if (block < 0) return nullptr;
    if (opening.block != 0) {
      std::memcpy(region_->base() + block, region_->base() + opening.block, opening.length);
      region_->release_owned(opening.block);
    }
    opening.block = static_cast<std::uint64_t>(block);
  }
  return region_->base() + opening.block;
}

void Loop::announce_request(std::uint32_t slot, const std::uint8_t* head,
                            const protocol::RequestFacts& facts) noexcept {
  Connection& connection = connections_[slot];
  Opening& opening = openings_[connection.opening];
  connection.phase = Phase::deciding;
  connection.announced = true;
  clear_deadline(slot);   // how long Java takes is for Java to say
  opening.key[0] = '\0';  // only an upgrade has one: what else came cannot be answered by 101
  if (facts.kind == protocol::RequestKind::upgrade) {
    std::memcpy(opening.key, facts.key.of(head).data(), sizeof opening.key);
  }
  ring::Record request{};
  request.type = ring::kRequest;
  request.opcode = static_cast<std::uint8_t>(facts.kind);
  request.slot = slot;
  request.generation = connection.generation;
  request.address = address_of(offset_of(head));
  request.length = facts.head_length;
  events_.append(request);
  if (opening.proxied.length > 0) announce_proxied(slot);
  announce_peer(slot);
  if (opening.block != 0) {
    deliver_later_free(opening.block);
    opening.block = 0;
  }
}

void Loop::announce_proxied(std::uint32_t slot) noexcept {
  const Connection& connection = connections_[slot];
  const protocol::ProxyHeader& header = openings_[connection.opening].proxied;
  ring::Record proxied{};
  proxied.type = ring::kProxied;
  proxied.opcode = static_cast<std::uint8_t>(header.family);
  proxied.slot = slot;
  proxied.generation = connection.generation;
  proxied.address = base::load<std::uint64_t>(header.ip);
  proxied.auxiliary = base::load<std::uint64_t>(header.ip + 8);
  proxied.length = header.port;
  events_.append(proxied);
}

void Loop::announce_peer(std::uint32_t slot) noexcept {
  const Connection& connection = connections_[slot];
  const Opening& opening = openings_[connection.opening];
  ring::Record peer{};
  peer.type = ring::kPeer;
  peer.opcode = static_cast<std::uint8_t>(opening.family);
  peer.slot = slot;
  peer.generation = connection.generation;
  if (opening.family == os::Family::local) {
    os::Credentials credentials;
    if (os::peer_credentials(connection.stream.fd(), &credentials) < 0) peer.flags = ring::kFailed;
    peer.address = std::uint64_t{credentials.gid} << 32 | credentials.uid;
    peer.auxiliary = static_cast<std::uint32_t>(credentials.pid);
  } else {
    peer.address = base::load<std::uint64_t>(opening.ip);
    peer.auxiliary = base::load<std::uint64_t>(opening.ip + 8);
    peer.length = opening.port;
  }
  events_.append(peer);
}

void Loop::refuse(std::uint32_t slot, const protocol::Refusal& refusal) noexcept {
  count(ring::kHandshakesRefused);
  std::uint8_t response[protocol::kMaxRefusal];
  const std::size_t length = protocol::write_refusal(refusal, response);
  end_opening(connections_[slot]);
  put(slot, response, length, {0, 0, Gather::Source::copied});
  begin_closing(slot);
  send_gathered(slot);
}

void Loop::accept_upgrade(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  const std::uint8_t* lines = commands_.body(command);
  if (connection.phase != Phase::deciding || lines == nullptr || openings_[connection.opening].key[0] == '\0' ||
      !begin_deflate(slot, command.auxiliary)) {
    reject(slot, command);
    return;
  }
  const std::size_t length = protocol::kAcceptResponse + command.length;
  reserve_temporary(slot, length);
  std::uint8_t* response = temporary(length);
  const Opening& opening = openings_[connection.opening];
  const std::string_view extra(reinterpret_cast<const char*>(lines), command.length);
  (void)protocol::write_accept({opening.key, sizeof opening.key}, extra, response);
  put(slot, response, length, {0, 0, Gather::Source::copied});
  end_opening(connection);
  connection.phase = Phase::open;
  connection.websocket = true;
  begin_watch(slot);
}

void Loop::respond(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  if (connection.phase != Phase::deciding || role_ != protocol::Role::server) {
    reject(slot, command);
    return;
  }
  const bool owned = (command.flags & ring::kOwned) != 0;
  std::uint8_t* response = owned ? bytes_at(command.address, command.length) : staged(command, 0);
  if (response == nullptr) {
    reject(slot, command);
    return;
  }
  connection.announced = false;
  end_opening(connection);
  if (owned) {
    put(slot, response, command.length, {command.address, 0, Gather::Source::owned});
  } else {
    put(slot, response, command.length, {0, 0, Gather::Source::copied});
  }
  begin_closing(slot);
}

void Loop::end_opening(Connection& connection) noexcept {
  if (connection.opening == kNone) return;
  Opening& opening = openings_[connection.opening];
  if (opening.block != 0) region_->release_owned(opening.block);
  openings_.release(connection.opening);
  connection.opening = kNone;
}

}  // namespace millrace::engine
