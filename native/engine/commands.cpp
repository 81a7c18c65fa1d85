// SPDX-License-Identifier: Apache-2.0
//
// Java's commands. Nothing in a record is trusted: slot, generation, region and bounds are checked, and a bad command
// closes the connection it names.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/loop.hpp"
#include "simd/unmask.hpp"

namespace millrace::engine {

using memory::kNone;
using protocol::Opcode;

namespace {

bool is_sendable(std::uint8_t opcode, std::uint32_t length) noexcept {
  switch (static_cast<Opcode>(opcode)) {
    case Opcode::text:
    case Opcode::binary:
      return true;
    case Opcode::ping:
      return length == 0;  // what it carries is for the core to say
    default:
      return false;
  }
}

/// Whether it is of a connection, and waits for its turn in that one's chain.
bool is_chained(std::uint8_t type) noexcept {
  return (type >= ring::kAcceptUpgrade && type <= ring::kResumeReads) || (type >= ring::kAsk && type <= ring::kFinish);
}

os::ListenOptions listen_options(const ring::ListenBody& body) noexcept {
  os::ListenOptions options;
  options.backlog = static_cast<int>(std::min<std::uint32_t>(body.backlog, INT32_MAX));
  static_assert(static_cast<int>(os::Sharing::first) == ring::kFirst);
  static_assert(static_cast<int>(os::Sharing::further) == ring::kFurther);
  options.sharing = static_cast<os::Sharing>(body.sharing);
  options.mode = body.mode;
  options.receive_buffer = body.receive_buffer;
  options.send_buffer = body.send_buffer;
  static_assert(sizeof options.congestion == sizeof body.congestion);
  std::memcpy(options.congestion, body.congestion, sizeof options.congestion);
  return options;
}

}  // namespace

/// Commands without a connection are executed at once; the others join their connection's chain.
void Loop::chain(std::uint32_t index, const ring::Record& command) noexcept {
  if (!is_chained(command.type)) {
    execute_unchained(command);
    return;
  }
  const bool known = connections_.known(command.slot);
  Connection* const connection = known ? &connections_[command.slot] : nullptr;
  const bool live =
      known && connection->generation == command.generation && connection->announced && !has_ended(*connection);
  if (!live) {
    count(ring::kStaleCommands);
    give_up_payload(command);
    return;
  }
  const auto link = static_cast<std::uint16_t>(index + 1);
  chain_next_[index] = 0;
  if (connection->chain_head == 0) {
    connection->chain_head = link;
    touched_[touched_count_++] = command.slot;
  } else {
    chain_next_[connection->chain_tail - 1] = link;
  }
  connection->chain_tail = link;
}

void Loop::run_chain(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  std::uint16_t link = connection.chain_head;
  connection.chain_head = connection.chain_tail = 0;
  put_pong(slot);
  const bool urgent = gather_.count() > 0;
  chain_sent_before_ = counters_[ring::kMessagesSent];
  for (; link != 0; link = chain_next_[link - 1]) {
    const ring::Record& command = commands_.at(link - 1U);
    if (has_ended(connection) || connection.phase == Phase::draining) {
      count(ring::kStaleCommands);
      give_up_payload(command);
      continue;
    }
    run(slot, command);
  }
  // The second line of a slot that was given away is not looked at.
  if (!has_ended(connection) && connection.batching) {
    gather_batch(slot, counters_[ring::kMessagesSent] - chain_sent_before_, urgent);
  } else {
    send_gathered(slot);
  }
}

void Loop::run(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  switch (command.type) {
    case ring::kAcceptUpgrade:
      accept_upgrade(slot, command);
      return;
    case ring::kRespond:
      respond(slot, command);
      return;
    case ring::kSend:
      send_message(slot, command);
      return;
    case ring::kClose:
      close_by_command(slot, command);
      return;
    case ring::kAsk:
      ask(slot, command);
      return;
    case ring::kOpen:
      open_by_command(slot, command);
      return;
    case ring::kPauseReads:
      connection.paused = true;
      return;
    case ring::kResumeReads:
      connection.paused = false;
      return;
    case ring::kCredit:
      give_credit(slot, command);
      return;
    case ring::kBatch:
      set_batch(slot, command);
      return;
    case ring::kHold:
    case ring::kFinish:
      hold_end(slot, command);
      return;
    default:
      return;
  }
}

void Loop::execute_unchained(const ring::Record& command) noexcept {
  switch (command.type) {
    case ring::kListen:
      listen(command);
      return;
    case ring::kUnlisten:
      if (command.slot >= kMaxListeners || !listeners_[command.slot].is_open()) break;
      unlisten(command.slot);
      return;
    case ring::kRelease:
      release_address(command.address);
      return;
    case ring::kSetTimer:
      set_timer(command);
      return;
    case ring::kCancelTimer:
      cancel_timer(command);
      return;
    case ring::kConnect:
      connect(command);
      return;
    default:
      break;
  }
  count(ring::kCommandsRejected);
}

void Loop::listen(const ring::Record& command) noexcept {
  ring::ListenBody body;
  const char* path = nullptr;
  int result = -EINVAL;
  const bool readable = ring::read_listen_body(commands_.body(command), command.length, &body, &path);
  const bool usable = readable && role_ == protocol::Role::server && command.slot < kMaxListeners &&
                      !listeners_[command.slot].is_open() && body.path_length <= os::kMaxLocalPath &&
                      listening_count_ < kMaxListeners && body.sharing <= ring::kFurther &&
                      body.congestion[os::kMaxCongestionName] == '\0';
  if (usable) {
    transport::Listener& listener = listeners_[command.slot];
    result = listener.open(address_of(body, path), listen_options(body));
    if (result >= 0) result = os::poller_add(poller_, listener.fd(), listener_data(command.slot), true, false);
    if (result < 0) listener.close();
  }
  if (listening_count_ == kMaxListeners) {
    count(ring::kCommandsRejected);
    return;
  }
  ring::Record& event = listening_[listening_count_++];
  event = {};
  event.type = ring::kListening;
  event.slot = command.slot;
  event.flags = result < 0 ? ring::kFailed : 0;
  event.auxiliary = result < 0 ? static_cast<std::uint64_t>(-result) : listeners_[command.slot].port();
}

/// The caller has checked the length of the path.
os::Address Loop::address_of(const ring::ListenBody& body, const char* path) noexcept {
  os::Address address;
  address.family = static_cast<os::Family>(body.family);
  address.port = body.port;
  std::memcpy(address.ip, body.ip, sizeof address.ip);
  address.path_length = static_cast<std::uint8_t>(body.path_length);
  std::memcpy(address.path, path, body.path_length);
  return address;
}

/// Who was let in by the kernel is served or told, not reset: the queue is accepted empty first. They stay here,
/// because other loops may be gone before they look.
void Loop::unlisten(std::uint32_t listener) noexcept {
  for (std::uint32_t accepted = 0; accepted < kAcceptsAtEnd && accept_one(listener, true) >= 0;) ++accepted;
  os::poller_remove(poller_, listeners_[listener].fd());
  listeners_[listener].close();
}

void Loop::set_timer(const ring::Record& command) noexcept {
  if (command.slot >= kMaxTimers || java_timers_[command.slot] != 0) {
    count(ring::kCommandsRejected);
    return;
  }
  const auto delay_ns = static_cast<std::int64_t>(std::min<std::uint64_t>(command.auxiliary, INT64_MAX / 2));
  const auto id = wheel_.set(now_ns_ + delay_ns, {command.slot, command.generation, kJavaTimer});
  java_timers_[command.slot] = id + 1;  // the wheel has an entry for every token
}

void Loop::cancel_timer(const ring::Record& command) noexcept {
  if (command.slot >= kMaxTimers || java_timers_[command.slot] == 0) return;
  // The token may have been set again since the timer that is meant.
  if (wheel_.at(java_timers_[command.slot] - 1).generation != command.generation) return;
  wheel_.cancel(java_timers_[command.slot] - 1);
  java_timers_[command.slot] = 0;
}

/// What a command that is not executed owned goes back.
void Loop::give_up_payload(const ring::Record& command) noexcept {
  if (command.type != ring::kSend && command.type != ring::kRespond) return;
  if ((command.flags & ring::kOwned) != 0) release_address(command.address);
  if (command.type == ring::kSend) complete(command.auxiliary, true);
}

void Loop::reject(std::uint32_t slot, const ring::Record& command) noexcept {
  count(ring::kCommandsRejected);
  give_up_payload(command);
  connections_[slot].close_code = static_cast<std::uint16_t>(protocol::CloseCode::internal_error);
  end(slot, EINVAL, true);
}

void Loop::send_message(std::uint32_t slot, const ring::Record& command) noexcept {
  if (connections_[slot].phase == Phase::closing || cannot_send(connections_[slot])) {
    give_up_payload(command);
    return;
  }
  if (connections_[slot].phase != Phase::open || !is_sendable(command.opcode, command.length)) {
    reject(slot, command);
    return;
  }
  const auto opcode = static_cast<Opcode>(command.opcode);
  if (opcode == Opcode::ping) {
    if ((command.flags & ring::kOwned) != 0) release_address(command.address);
    count(ring::kMessagesSent);
    put_ping(slot, false, command.auxiliary);
    hurry_batch(slot);
    return;
  }
  // Behind bytes that wait it has not gone yet.
  if (connections_[slot].queue_head == kNone) connections_[slot].active_ns = now_ns_;
  if (role_ == protocol::Role::client) {
    send_masked(slot, opcode, command);
    return;
  }
  switch (command.flags & (ring::kStaged | ring::kBorrowed | ring::kOwned)) {
    case ring::kStaged:
      send_staged(slot, opcode, command);
      break;
    case ring::kBorrowed:
      send_borrowed(slot, opcode, command);
      break;
    case ring::kOwned:
      send_owned(slot, opcode, command);
      break;
    default:
      reject(slot, command);
      return;
  }
}

/// Java wrote the payload into the send area; the header goes right in front of it.
void Loop::send_staged(std::uint32_t slot, Opcode opcode, const ring::Record& command) noexcept {
  std::uint8_t* const payload = staged(command, ring::kHeadroom);
  if (payload == nullptr) {
    reject(slot, command);
    return;
  }
  count(ring::kMessagesSent);
  if (deflations_ != nullptr && put_compressed(slot, opcode, payload, command)) return;
  const std::size_t header = protocol::write_frame_header_before(payload, opcode, command.length);
  put(slot, payload - header, header + command.length, {0, command.auxiliary, Gather::Source::copied});
}

/// What was delivered in the turn before still lies in the used part of the arena, behind its header.
bool Loop::lies_in_arena(const ring::Record& command) const noexcept {
  const std::uint64_t offset = ring::offset_of(command.address);
  const bool own = ring::region_of(command.address) == region_->id();
  return own && offset >= protocol::frame_header_length(command.length) && offset <= arena_.used() &&
         command.length <= arena_.used() - offset;
}

/// A delivered message goes out again from where it lies; from a block, short ones are copied.
void Loop::send_borrowed(std::uint32_t slot, Opcode opcode, const ring::Record& command) noexcept {
  const bool in_arena = lies_in_arena(command);
  std::uint8_t* const payload =
      in_arena ? region_->base() + ring::offset_of(command.address) : bytes_at(command.address, command.length);
  // An empty message may lie at the very end of its block, which is no address inside it.
  if (payload == nullptr && command.length > 0) {
    reject(slot, command);
    return;
  }
  count(ring::kMessagesSent);
  if (deflations_ != nullptr && put_compressed(slot, opcode, payload, command)) return;
  if (in_arena) {
    // Our header fits where the client's stood, which is longer by the masking key (RFC 6455 5.2).
    const std::size_t header = protocol::write_frame_header_before(payload, opcode, command.length);
    put(slot, payload - header, header + command.length, {0, command.auxiliary, Gather::Source::copied});
    return;
  }
  if (command.length <= kCopyLimit) {
    reserve_temporary(slot, protocol::kMaxFrameHeader + command.length);
    put_frame(slot, opcode, payload, command.length, command.auxiliary);
    return;
  }
  reserve_temporary(slot, protocol::kMaxFrameHeader);
  put_header(slot, opcode, command.length);
  put(slot, payload, command.length, {command.address, command.auxiliary, Gather::Source::borrowed});
}

/// A block whose reference came with the command.
void Loop::send_owned(std::uint32_t slot, Opcode opcode, const ring::Record& command) noexcept {
  std::uint8_t* const payload = bytes_at(command.address, command.length);
  if (payload == nullptr) {
    reject(slot, command);
    return;
  }
  count(ring::kMessagesSent);
  if (deflations_ != nullptr && put_compressed(slot, opcode, payload, command)) return;
  reserve_temporary(slot, protocol::kMaxFrameHeader);
  put_header(slot, opcode, command.length);
  put(slot, payload, command.length, {command.address, command.auxiliary, Gather::Source::owned});
}

/// A client masks what it sends (RFC 6455 5.1): in place where nobody else will look at it any more, else while it is
/// copied.
void Loop::send_masked(std::uint32_t slot, Opcode opcode, const ring::Record& command) noexcept {
  const unsigned placement = command.flags & (ring::kStaged | ring::kBorrowed | ring::kOwned);
  const std::uint32_t length = command.length;
  std::uint8_t* payload = nullptr;
  bool valid = placement == ring::kStaged || placement == ring::kBorrowed || placement == ring::kOwned;
  if (placement == ring::kStaged) {
    payload = staged(command, ring::kHeadroom);
  } else if (placement == ring::kBorrowed && lies_in_arena(command)) {
    payload = region_->base() + ring::offset_of(command.address);
  } else if (valid) {
    payload = bytes_at(command.address, length);
  }
  // An empty message may lie at the very end of its block, which is no address inside it.
  valid = valid && (payload != nullptr || (placement == ring::kBorrowed && length == 0));
  if (!valid) {
    reject(slot, command);
    return;
  }
  count(ring::kMessagesSent);
  if (deflations_ != nullptr && put_compressed(slot, opcode, payload, command)) return;
  const std::uint64_t token = command.auxiliary;
  const bool owned = placement == ring::kOwned;
  if (placement == ring::kStaged) {
    const std::uint32_t key = next_key();
    simd::unmask(payload, length, key, 0);
    const std::size_t header = protocol::write_masked_header_before(payload, opcode, length, key);
    put(slot, payload - header, header + length, {0, token, Gather::Source::copied});
    return;
  }
  if (owned && length > kCopyLimit && is_alone(command.address)) {
    const std::uint32_t key = next_key();
    simd::unmask(payload, length, key, 0);
    put_masked_block(slot, opcode, payload, length, key, {command.address, token, Gather::Source::owned});
    return;
  }
  if (length <= (owned ? kCopyLimit : kMaskedCopyLimit)) {
    reserve_temporary(slot, protocol::kMaxFrameHeader + length);
    put_masked_frame(slot, opcode, payload, length, token);
  } else {
    put_masked_copy(slot, opcode, payload, length, token);
  }
  if (owned) release_address(command.address);
}

/// A FIN of the peer is not the end while Java has more to send than the queue has, until FINISH says that it has not.
void Loop::hold_end(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  if (!connection.websocket) {
    reject(slot, command);
    return;
  }
  if (connection.phase != Phase::open) return;
  const bool begins = command.type == ring::kHold && !connection.holds_end;
  connection.holds_end = command.type == ring::kHold;
  if (begins && connection.eof) post(slot, kPendingFinished);
}

void Loop::close_by_command(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  if ((command.flags & ring::kAbort) != 0) {
    end(slot, ECONNABORTED, true);
    return;
  }
  // The first Close wins and is the only one.
  if (connection.phase == Phase::closing) return;
  const std::uint8_t* reason = command.length > 0 ? staged(command, 0) : nullptr;
  const auto code = static_cast<std::uint16_t>(command.auxiliary);
  const bool may_stand = code == 0 || protocol::is_sendable(code);
  if (connection.phase != Phase::open || !may_stand || (command.length > 0 && reason == nullptr)) {
    reject(slot, command);
    return;
  }
  std::uint8_t body[protocol::kMaxControlPayload];
  const std::size_t length = protocol::write_close_body(body, code, reason, command.length);
  reserve_temporary(slot, protocol::kMaxFrameHeader + length);
  put_frame(slot, Opcode::close, body, length, 0);
  if (connection.phase == Phase::open) begin_closing(slot);
}

/// A payload in the send area, with `headroom` bytes below it, or nullptr.
std::uint8_t* Loop::staged(const ring::Record& command, std::size_t headroom) noexcept {
  const std::uint64_t offset = ring::offset_of(command.address);
  if (ring::region_of(command.address) != region_->id() || offset < ring::kSendAreaOffset + headroom) return nullptr;
  const std::uint64_t end = ring::kSendAreaOffset + commands_.send_position();
  if (offset > end || command.length > end - offset) return nullptr;
  return region_->base() + offset;
}

}  // namespace millrace::engine
