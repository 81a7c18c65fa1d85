// SPDX-License-Identifier: Apache-2.0
//
// Frames in: from the socket to MESSAGE events. A message that arrived whole is delivered where it lies in the arena;
// one that did not is assembled in a block, its first part copied once, the rest received straight into the block.
#include <sys/uio.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "engine/loop.hpp"
#include "simd/unmask.hpp"

namespace millrace::engine {

using memory::kNone;
using protocol::Opcode;
using protocol::ProtocolError;
using protocol::Role;

namespace {

constexpr std::uint64_t kSystemPage = 4096;
constexpr std::uint32_t kMostHeld = INT32_MAX;

}  // namespace

void Loop::receive(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (connection.held != kNone) return;
  if (rests_from_inflating(slot)) {
    await_turn(slot);
    return;
  }
  iovec pieces[2];
  int count_of_pieces = 0;
  std::size_t direct = 0;
  if (connection.frame_remaining > 0 && !connection.discard_frame) {
    if (blocks().size_of(connection.block) == connection.message_length &&
        !assemble_room(slot, connection.message_length + set_aside(connection, connection.frame_remaining, 1))) {
      return;
    }
    const std::size_t room = blocks().size_of(connection.block) - connection.message_length;
    direct = std::min<std::uint64_t>(connection.frame_remaining, room);
    pieces[count_of_pieces++] = {region_->base() + connection.block + connection.message_length, direct};
  }
  const std::size_t rest = connection.rest_length;
  std::size_t room = 0;
  if (direct == connection.frame_remaining || direct == 0) {
    room = std::min(arena_.available(), ring::kQuantum);
    const auto most = static_cast<std::size_t>(std::max<std::int64_t>(low_water(), 1024));
    pieces[count_of_pieces++] = {arena_.begin_write(room) + rest, std::min(room - rest, most)};
  }
  const std::int64_t received = connection.stream.receive(pieces, count_of_pieces);
  arena_.end_write(room);
  count(ring::kReceives);
  if (received == -EAGAIN) return;
  if (received < 0) {
    end(slot, cannot_send(connection) ? 0 : static_cast<int>(-received), false);  // the first failure tells why
    return;
  }
  if (received == 0) {
    // Behind what was held, the FIN may come in the same turn: what answers it has yet to be sent. The poller will tell
    // of it again.
    if (connection.held_parsed) {
      connection.held_parsed = false;
      return;
    }
    peer_finished(slot);
    return;
  }
  count(ring::kBytesReceived, received);
  if (connection.pinged) connection.pinged = false;
  const std::size_t here = std::min(static_cast<std::size_t>(received), direct);
  const std::size_t length = static_cast<std::size_t>(received) - here;
  // Taken before the message that ends here is told: its text may be inflated into what is free.
  std::uint8_t* const bytes = length > 0 ? arena_.allocate(rest + length) : nullptr;
  if (direct > 0) {
    connection.active_ns = now_ns_;
    std::uint8_t* const part = static_cast<std::uint8_t*>(pieces[0].iov_base);
    if (connection.masking_key != 0) simd::unmask(part, here, connection.masking_key, 0);
    if (!frame_bytes_arrived(slot, part, here)) return;
  }
  if (length == 0) {
    if (waits_to_inflate(connection)) await_slices(slot);
    return;
  }
  if (rest > 0) take_rest(connection, bytes);
  parse(slot, bytes, rest + length);
}

void Loop::parse_held(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (waits_to_inflate(connection)) {
    long_goes_on_ = true;  // there is more to do, in this message or behind it
    if (inflate_slice(slot) || long_.slot != slot) return;
    unlink_held(connection.held);
    link_held(connection.held);
    return;
  }
  const HeldInput held = held_[connection.held];
  if (held.block == 0) {
    take_turn(slot);
    return;
  }
  (void)region_->blocks().retain(held.block);  // one reference for the events, drop_held gives up the other
  drop_held(connection);
  connection.held_parsed = true;
  // Messages are delivered where they lie in the held block.
  deliver_later_free(held.block);
  std::uint8_t* bytes = region_->base() + held.block + held.begin;
  std::size_t length = held.end - held.begin;
  if (connection.rest_length == 0) {
    held_block_ = held.block;
    parse(slot, bytes, length);
    held_block_ = 0;
    return;
  }
  // Bytes that came before the held ones: both fit where the rest fits, in front of a copy.
  const std::size_t rest = connection.rest_length;
  std::uint8_t* joined = arena_.allocate(rest + length);
  if (joined == nullptr) {
    hold(slot, bytes, length);
    return;
  }
  take_rest(connection, joined);
  std::memcpy(joined + rest, bytes, length);
  parse(slot, joined, rest + length);
}

void Loop::parse(std::uint32_t slot, std::uint8_t* bytes, std::size_t length) noexcept {
  if (role_ == Role::server) {
    take_frames<Role::server>(slot, bytes, length);
  } else {
    take_frames<Role::client>(slot, bytes, length);
  }
  if (gather_.count() > 0) send_gathered(slot);  // pongs; the last one rides with the turn's replies
  if (waits_to_inflate(connections_[slot])) await_slices(slot);
}

template <Role role>
void Loop::take_frames(std::uint32_t slot, std::uint8_t* bytes, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  packed_end_ = nullptr;
  const bool watched = is_watched(slot);
  while (length > 0) {
    if (has_ended(connection) || connection.input_ended) return;
    if (!event_room(1) || (watched && must_wait(slot))) {
      hold(slot, bytes, length);
      return;
    }
    const std::size_t taken =
        connection.frame_remaining > 0 ? take_payload(slot, bytes, length) : take_frame<role>(slot, bytes, length);
    if (taken == 0) {
      if (!protocol::is_control(bytes[0])) connection.active_ns = now_ns_;
      keep_rest(slot, bytes, length);
      return;
    }
    bytes += taken;
    length -= taken;
  }
}

/// One frame header, and its payload where that is here whole. Returns the bytes taken; 0 asks for more.
///
/// Messages that came in one receive are moved together while they are unmasked, so that between two of them lies what
/// an unmasked header takes: echoed, they leave as one piece that nobody copies.
///
///     came      | header 6 | payload | header 6 | payload |
///     delivered | header 6 | payload | 2 | payload |
///
/// A client's come without a key, and stay where they are.
template <Role role>
std::size_t Loop::take_frame(std::uint32_t slot, std::uint8_t* at, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  protocol::FrameHeader header;
  ProtocolError error = ProtocolError::none;
  switch (protocol::parse_frame_header(at, length, role, &header, &error, relaxed_, agreed_bits(slot))) {
    case protocol::FrameParse::incomplete:
      return 0;
    case protocol::FrameParse::error:
      protocol_failure(slot, error);
      return length;
    case protocol::FrameParse::complete:
      break;
  }
  std::uint8_t* const payload = at + header.length;
  const std::size_t here = length - header.length;
  const bool whole = header.payload_length <= here;
  if (protocol::is_control(header.opcode)) {
    if (!whole) return 0;
    const auto payload_length = static_cast<std::size_t>(header.payload_length);
    simd::unmask(payload, payload_length, header.masking_key, 0);
    take_control(slot, header.opcode, payload, payload_length);
    packed_end_ = nullptr;  // an event may point to this payload: nothing moves over it
    return header.length + payload_length;
  }
  if (connection.phase != Phase::open || !protocol::is_known(header.opcode)) {
    connection.discard_frame = header.payload_length > 0;
    connection.frame_remaining = header.payload_length;
    return header.length;
  }
  connection.active_ns = now_ns_;
  if (error = judge(connection, header); error != ProtocolError::none) {
    protocol_failure(slot, error);
    return length;
  }
  const bool alone = header.final && connection.message_opcode == Opcode::continuation;
  const auto payload_length = static_cast<std::size_t>(header.payload_length);
  if (alone && whole && header.compressed &&
      take_compressed(slot, header.opcode, payload, payload_length, header.masking_key)) {
    return header.length + payload_length;
  }
  if (!alone || !whole || header.compressed) {
    if (!begin_data_frame(slot, header, here)) return length;
    return header.length;
  }
  std::uint8_t* place = payload;
  if constexpr (role == Role::server) {
    if (packed_end_ != nullptr) place = packed_end_ + protocol::frame_header_length(payload_length);
    simd::unmask_copy(place, payload, payload_length, header.masking_key, 0);
    packed_end_ = place + payload_length;
  } else if (header.masking_key != 0) {
    simd::unmask(payload, payload_length, header.masking_key, 0);
  }
  if (header.opcode == checked_text_) {
    simd::Utf8Validator utf8;
    if (!utf8.append(place, payload_length) || !utf8.complete()) {
      protocol_failure(slot, ProtocolError::invalid_utf8);
      return length;
    }
  }
  message_event(slot, header.opcode, offset_of(place), static_cast<std::uint32_t>(payload_length), 0);
  return header.length + payload_length;
}

/// Judges a data frame of an open connection by its header, before a byte of its payload is kept.
ProtocolError Loop::judge(const Connection& connection, const protocol::FrameHeader& header) const noexcept {
  const bool in_message = connection.message_opcode != Opcode::continuation;
  if (header.opcode == Opcode::continuation && !in_message) return ProtocolError::unexpected_continuation;
  if (header.opcode != Opcode::continuation && in_message) return ProtocolError::expected_continuation;
  const auto limit = static_cast<std::uint64_t>(options_.max_message_bytes);
  if (header.payload_length > limit - connection.message_length) return ProtocolError::message_too_big;
  const bool too_many = connection.fragments >= static_cast<std::uint32_t>(options_.max_fragments);
  return too_many ? ProtocolError::too_many_fragments : ProtocolError::none;
}

/// How much room is made for the next `remaining` bytes of a frame, of which `here` have come. A declared length
/// reserves address space at most, hardly any until some of it has come, and only what has come while space is scarce.
/// Beyond kSetAside blocks double: touched pages stay below twice the bytes received.
std::uint64_t Loop::set_aside(const Connection& connection, std::uint64_t remaining, std::size_t here) noexcept {
  const std::uint64_t arrived = connection.message_length + here;
  std::uint64_t room = std::max<std::uint64_t>(kSetAside, connection.message_length);
  if (blocks().free_bytes() < blocks().capacity() / 4) room = std::max<std::uint64_t>(arrived, kFirstBlock);
  if (arrived < kFirstBlock) room = kFirstBlock;
  return std::min(remaining, room);
}

/// A data frame that needs assembling begins: `here` bytes of its payload have come.
bool Loop::begin_data_frame(std::uint32_t slot, const protocol::FrameHeader& header, std::size_t here) noexcept {
  Connection& connection = connections_[slot];
  const std::uint64_t aside = set_aside(connection, header.payload_length, here);
  if (!assemble_room(slot, connection.message_length + std::max<std::uint64_t>(aside, 1))) return false;
  if (header.opcode != Opcode::continuation) {
    connection.message_opcode = header.compressed ? protocol::compressed(header.opcode) : header.opcode;
  }
  ++connection.fragments;
  connection.frame_final = header.final;
  connection.masking_key = header.masking_key;
  connection.frame_remaining = header.payload_length;
  if (header.payload_length == 0) finish_frame(slot);
  return true;
}

/// Payload of a frame that is being assembled or discarded.
std::size_t Loop::take_payload(std::uint32_t slot, const std::uint8_t* at, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(length, connection.frame_remaining));
  if (connection.discard_frame) {
    connection.frame_remaining -= here;
    if (connection.frame_remaining == 0) connection.discard_frame = false;
    if (connection.phase == Phase::open) return here;
    connection.discarded = (connection.discarded + static_cast<std::uint32_t>(here)) & kDiscardMask;
    if (connection.discarded > kDiscardLimit) end(slot, 0, false);
    return here;
  }
  connection.active_ns = now_ns_;
  if (!assemble_room(slot, connection.message_length + here)) return length;
  std::uint8_t* const to = region_->base() + connection.block + connection.message_length;
  simd::unmask_copy(to, at, here, connection.masking_key, 0);
  count(ring::kPayloadBytesCopied, static_cast<std::int64_t>(here));
  return frame_bytes_arrived(slot, to, here) ? here : length;
}

/// `length` unmasked bytes were added to the block. False when the connection failed by them.
bool Loop::frame_bytes_arrived(std::uint32_t slot, std::uint8_t* bytes, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  connection.masking_key = std::rotr(connection.masking_key, static_cast<int>(8 * (length & 3)));
  connection.message_length += static_cast<std::uint32_t>(length);
  connection.frame_remaining -= length;
  if (connection.message_opcode == checked_text_ && !connection.utf8.append(bytes, length)) {
    protocol_failure(slot, ProtocolError::invalid_utf8);
    return false;
  }
  const bool whole = connection.frame_remaining == 0;
  if (!whole || !connection.frame_final) tell_pinned(connection);
  if (whole) finish_frame(slot);
  return !connection.input_ended;
}

void Loop::finish_frame(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (!connection.frame_final) return;
  if (connection.message_opcode == checked_text_ && !connection.utf8.complete()) {
    protocol_failure(slot, ProtocolError::invalid_utf8);
    return;
  }
  if (protocol::is_compressed(connection.message_opcode)) {
    if (connection.message_length > kScratch) return;  // parse_held goes on with it
    take_compressed_block(slot);
    if (connection.block != 0) region_->release_owned(connection.block);
  } else {
    message_event(slot, connection.message_opcode, connection.block, connection.message_length, ring::kInBlock);
    deliver_later_free(connection.block);
  }
  forget_message(connection);
}

/// The message that was assembled has been told, and its block is not the connection's any more.
void Loop::forget_message(Connection& connection) noexcept {
  connection.block = 0;
  tell_pinned(connection);
  connection.message_length = 0;
  connection.message_opcode = Opcode::continuation;
  connection.fragments = 0;
  connection.utf8.reset();
}

/// In the checked mode no message lies beside others. 0 when the connection has ended for want of memory.
std::uint64_t Loop::copy_to_block(std::uint32_t slot, std::uint64_t offset, std::uint32_t length) noexcept {
  const std::int64_t block = acquire_for(slot, length);
  if (block < 0) return 0;
  std::memcpy(region_->base() + block, region_->base() + offset, length);
  count(ring::kPayloadBytesCopied, length);
  deliver_later_free(static_cast<std::uint64_t>(block));
  return static_cast<std::uint64_t>(block);
}

void Loop::take_control(std::uint32_t slot, Opcode opcode, const std::uint8_t* payload, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  if (opcode == Opcode::close) {
    take_close(slot, payload, length);
    return;
  }
  if (connection.phase != Phase::open) return;
  if (opcode == Opcode::ping) {
    queue_pong(slot, payload, length);
    return;
  }
  if (opcode == Opcode::pong) take_pong(slot, payload, length);
}

void Loop::take_close(std::uint32_t slot, const std::uint8_t* payload, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  protocol::CloseBody body;
  if (const ProtocolError error = protocol::parse_close_body(payload, length, &body, relaxed_);
      error != ProtocolError::none) {
    protocol_failure(slot, error);
    return;
  }
  connection.input_ended = true;
  connection.close_code =
      body.code != 0 ? body.code : static_cast<std::uint16_t>(protocol::CloseCode::no_status_received);
  if (connection.phase != Phase::open) {
    update_interest(slot);
    return;
  }
  connection.peer_began_close = true;
  ring::Record event{};
  event.type = ring::kClosing;
  event.slot = slot;
  event.generation = connection.generation;
  event.auxiliary = protocol::is_sendable(body.code) ? body.code : 0;
  if (body.reason_length > 0) {
    event.address = address_of(offset_of(body.reason));
    event.length = static_cast<std::uint32_t>(body.reason_length);
  }
  events_.append(event);
  if (cannot_send(connection)) {
    end(slot, 0, false);  // no answer would reach it
    return;
  }
  set_deadline(slot, options_.close_timeout_ns);
  update_interest(slot);
}

/// The peer broke a rule, or was idle too long: nothing of it is parsed any more, and Java is told in order.
void Loop::protocol_failure(std::uint32_t slot, ProtocolError error) noexcept {
  Connection& connection = connections_[slot];
  connection.input_ended = true;
  drop_message(connection);
  if (connection.phase != Phase::open) {
    update_interest(slot);
    return;
  }
  count(error == ProtocolError::idle ? ring::kDeadlinesPassed : ring::kProtocolErrors);
  connection.protocol_error = static_cast<std::uint8_t>(error);
  connection.close_code = static_cast<std::uint16_t>(protocol::close_code(error));
  set_deadline(slot, options_.close_timeout_ns);
  post(slot, kPendingClosing);
  update_interest(slot);
}

/// Forgets the message being assembled; what is still to come of its frame is skipped.
void Loop::drop_message(Connection& connection) noexcept {
  drop_long(static_cast<std::uint32_t>(&connection - &connections_[0]));
  connection.discard_frame = connection.frame_remaining > 0;
  if (connection.block == 0) return;
  region_->release_owned(connection.block);
  connection.block = 0;
  tell_pinned(connection);
}

/// What Java sees of the memory that input takes: blocks, and of one that a message is assembled in the pages that it
/// has come to, because the others are set aside and not touched.
void Loop::tell_pinned(const Connection& connection) noexcept {
  std::int64_t pinned = 0;
  const auto add = [&](std::uint64_t block) { pinned += static_cast<std::int64_t>(blocks().size_of(block)); };
  if (connection.block != 0) {
    const std::uint64_t touched = base::align_up<std::uint64_t>(connection.message_length + 1, kSystemPage);
    pinned = static_cast<std::int64_t>(std::min<std::uint64_t>(touched, blocks().size_of(connection.block)));
  }
  if (connection.held != kNone && held_[connection.held].block != 0) add(held_[connection.held].block);
  if (connection.rest_length > sizeof connection.rest) add(base::load<std::uint64_t>(connection.rest));
  std::int64_t& word = pinned_words_[&connection - &connections_[0]];
  count(ring::kInboundBytesPinned, pinned - word);
  __atomic_store_n(&word, pinned, __ATOMIC_RELAXED);
}

/// The message's block has at least `needed` bytes afterwards; false when the connection was ended for want of memory.
bool Loop::assemble_room(std::uint32_t slot, std::uint64_t needed) noexcept {
  Connection& connection = connections_[slot];
  if (connection.block != 0 && blocks().size_of(connection.block) >= needed) return true;
  const std::int64_t grown = acquire_for(slot, needed);
  if (grown < 0) return false;
  const auto block = static_cast<std::uint64_t>(grown);
  if (connection.block != 0) {
    std::memcpy(region_->base() + block, region_->base() + connection.block, connection.message_length);
    count(ring::kPayloadBytesCopied, connection.message_length);
    region_->release_owned(connection.block);
  }
  connection.block = block;
  tell_pinned(connection);
  return true;
}

/// A block for this connection; when the region is full the connection that pins most is closed first. Negative when
/// that was this one.
std::int64_t Loop::acquire_for(std::uint32_t slot, std::size_t length) noexcept {
  const Phase before = connections_[slot].phase;
  for (;;) {
    const std::int64_t offset = blocks().acquire(length);
    if (offset >= 0) return offset;
    // One that has ended pins nothing that could be given up, and is the last that close_heaviest would name.
    if (before == Phase::ended || before == Phase::free) return offset;
    close_heaviest(slot);
    if (connections_[slot].phase != before) return offset;
  }
}

/// Keeps the beginning of a frame that cannot be judged yet: inline where it fits, else in a small block.
void Loop::keep_rest(std::uint32_t slot, const std::uint8_t* bytes, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  if (length <= sizeof connection.rest) {
    std::memcpy(connection.rest, bytes, length);
  } else {
    const std::int64_t block = acquire_for(slot, length);
    if (block < 0) return;
    std::memcpy(region_->base() + block, bytes, length);
    base::store(connection.rest, static_cast<std::uint64_t>(block));
  }
  connection.rest_length = static_cast<std::uint8_t>(length);
  if (length > sizeof connection.rest) tell_pinned(connection);
}

/// Moves what keep_rest kept to `to`.
void Loop::take_rest(Connection& connection, std::uint8_t* to) noexcept {
  if (connection.rest_length <= sizeof connection.rest) {
    std::memcpy(to, connection.rest, connection.rest_length);
    connection.rest_length = 0;
    return;
  }
  std::memcpy(to, region_->base() + base::load<std::uint64_t>(connection.rest), connection.rest_length);
  drop_rest(connection);
}

void Loop::drop_rest(Connection& connection) noexcept {
  const bool in_block = connection.rest_length > sizeof connection.rest;
  if (in_block) region_->release_owned(base::load<std::uint64_t>(connection.rest));
  connection.rest_length = 0;
  if (in_block) tell_pinned(connection);
}

/// Keeps bytes that can only be parsed in a later turn. Held before, they stay where they lie until they take less than
/// half of their block: who gets one message a turn would copy all the others each time.
void Loop::hold(std::uint32_t slot, const std::uint8_t* bytes, std::size_t length) noexcept {
  std::uint64_t block = held_block_;
  std::uint64_t begin = 0;
  if (block != 0 && length >= blocks().size_of(block) / 2) {
    (void)blocks().retain(block);
    begin = offset_of(bytes) - block;
  } else {
    const std::int64_t acquired = acquire_for(slot, length);
    if (acquired < 0) return;
    block = static_cast<std::uint64_t>(acquired);
    std::memcpy(region_->base() + block, bytes, length);
  }
  const std::uint32_t index = held_.allocate();  // one a connection at most: the slab has room
  HeldInput& held = held_[index];
  held.slot = slot;
  held.block = block;
  held.begin = static_cast<std::uint32_t>(begin);
  held.end = static_cast<std::uint32_t>(begin + length) & kMostHeld;
  link_held(index);
  connections_[slot].held = index;
  tell_pinned(connections_[slot]);
}

/// Who compresses, and has nothing held, takes its place among those who have: what they hold would come first in every
/// turn.
void Loop::await_turn(std::uint32_t slot) noexcept {
  const std::uint32_t index = held_.allocate();
  held_[index].slot = slot;
  held_[index].block = 0;
  link_held(index);
  connections_[slot].held = index;
}

/// A long message has come. The walk over those who have a turn may be over: then the next one is not waited for.
void Loop::await_slices(std::uint32_t slot) noexcept {
  long_goes_on_ = true;
  if (connections_[slot].held == kNone) await_turn(slot);
}

/// What lies in the kernel is received, unless there is no room for it.
void Loop::take_turn(std::uint32_t slot) noexcept {
  if (arena_.used() >= ring::kArenaLength || !event_room(kEventsOfAStep)) return;
  drop_held(connections_[slot]);
  connections_[slot].held_parsed = true;  // a FIN behind a message of this turn must not end it before the answer
  receive_in_phase(slot);
}

/// At the end: who is held again lets the others go first.
void Loop::link_held(std::uint32_t index) noexcept {
  HeldInput& held = held_[index];
  held.parked = 0;
  held.previous = held_last_;
  held.next = kNone;
  (held_last_ != kNone ? held_[held_last_].next : held_first_) = index;
  held_last_ = index;
}

void Loop::unlink_held(std::uint32_t index) noexcept {
  const HeldInput& held = held_[index];
  if (held_next_ == index) held_next_ = held.next;
  (held.next != kNone ? held_[held.next].previous : held_last_) = held.previous;
  (held.previous != kNone ? held_[held.previous].next : held_first_) = held.next;
}

/// What waits for credit, or for time, may wait for long: no turn looks at it.
void Loop::park_held(const Connection& connection) noexcept {
  if (connection.held == kNone || held_[connection.held].parked != 0) return;
  unlink_held(connection.held);
  held_[connection.held].parked = 1;
}

void Loop::unpark_held(const Connection& connection) noexcept {
  if (connection.held != kNone && held_[connection.held].parked != 0) link_held(connection.held);
}

void Loop::drop_held(Connection& connection) noexcept {
  if (connection.held == kNone) return;
  const HeldInput& held = held_[connection.held];
  if (held.parked == 0) unlink_held(connection.held);
  if (held.block != 0) region_->release_owned(held.block);
  held_.release(connection.held);
  connection.held = kNone;
  tell_pinned(connection);
}

}  // namespace millrace::engine
