// SPDX-License-Identifier: Apache-2.0
//
// permessage-deflate (RFC 7692): what compressed messages become before they are events, and messages before they are
// frames. A message that stands for itself is inflated and compressed with state that the whole loop shares. Where one
// may refer to those before it, the connection has state of its own, made when the first such message comes.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/loop.hpp"
#include "simd/unmask.hpp"

namespace millrace::engine {

using codec::Inflating;
using memory::kNone;
using protocol::Opcode;
using protocol::ProtocolError;

namespace {

constexpr unsigned kWidestWindow = 15;

/// No byte of DEFLATE data stands for more: 258 bytes for two bits.
constexpr std::uint64_t kMostInflated = 1040;

/// Shorter compressed messages are inflated by zlib, which is as fast there, and stricter.
constexpr std::size_t kShortPayload = 4096;

/// Messages up to this length get the fixed codes: those of their own cost more than they save. It fits into the
/// smallest window, and the tables of its length are soon cleared.
constexpr std::size_t kShortMessage = 192;
constexpr unsigned kShortWindow = 9;
constexpr int kShortMemoryLevel = 1;

/// What comes of a message at first lies in the arena; a longer one goes on in a block.
constexpr std::size_t kInArena = 16 << 10;
/// Below it in the arena there is room for the header of an echo.
constexpr std::size_t kArenaHeadroom = 16;

/// Longer frames are compressed into a block.
constexpr std::size_t kInTemporary = 64 << 10;

/// libdeflate wants so much more room than it fills.
constexpr std::size_t kEncoderSlack = 16;

unsigned outgoing_window(std::uint16_t bits) noexcept { return bits >> ring::kDeflateOutgoingBits & 15; }
unsigned incoming_window(std::uint16_t bits) noexcept { return bits >> ring::kDeflateIncomingBits & 15; }

}  // namespace

int Loop::open_deflate(std::uint32_t connections) noexcept {
  if (options_.deflate_level == 0) return 0;
  whole_messages_.set_level(options_.deflate_level);
  if (const int result = takeovers_.open(connections, &slabs_); result < 0) return result;
  return memory::map_array(connections, &deflations_, &deflations_length_);
}

void Loop::close_deflate() noexcept {
  whole_messages_.close();
  shared_deflater_.close();
  short_deflater_.close();
  shared_inflater_.close();
  long_inflater_.close();
  heap_.free(scratch_);
  scratch_ = nullptr;
  memory::unmap_array(&deflations_, deflations_length_);
}

/// Takes over what was agreed on; false when that is nothing that could be.
bool Loop::begin_deflate(std::uint32_t slot, std::uint64_t bits) noexcept {
  if (bits == 0) return true;
  constexpr std::uint64_t kKnown = ring::kDeflate | ring::kDeflateOutgoingAlone | ring::kDeflateIncomingAlone |
                                   std::uint64_t{15} << ring::kDeflateOutgoingBits |
                                   std::uint64_t{15} << ring::kDeflateIncomingBits;
  const auto agreed = static_cast<std::uint16_t>(bits);
  const bool sane = (bits & ~kKnown) == 0 && (bits & ring::kDeflate) != 0 && outgoing_window(agreed) >= 8 &&
                    incoming_window(agreed) >= 8;
  if (!sane || deflations_ == nullptr) return false;
  deflations_[slot] = {agreed, kNone};
  return true;
}

void Loop::end_deflate(std::uint32_t slot) noexcept {
  if (deflations_ == nullptr || deflations_[slot].agreed == 0) return;
  const std::uint32_t index = deflations_[slot].takeover;
  deflations_[slot].agreed = 0;
  if (index == kNone) return;
  takeovers_[index].inflater.close();
  takeovers_[index].deflater.close();
  takeovers_.release(index);
}

/// The state that a connection has to itself; nullptr when there is no memory.
Takeover* Loop::takeover(std::uint32_t slot) noexcept {
  Deflation& deflation = deflations_[slot];
  if (deflation.takeover == kNone) deflation.takeover = takeovers_.allocate();
  return deflation.takeover != kNone ? &takeovers_[deflation.takeover] : nullptr;
}

/// kScratch bytes, and what an inflater writes behind them, that only the core sees; nullptr when there is no memory.
std::uint8_t* Loop::scratch() noexcept {
  if (scratch_ == nullptr) {
    scratch_ = static_cast<std::uint8_t*>(heap_.allocate(kScratch + codec::WholeMessages::kBehind));
  }
  return scratch_;
}

// ---- incoming

/// The inflater that a message is for, the beginning of the message behind it; nullptr when there is no memory.
codec::Inflater* Loop::inflater_for(std::uint32_t slot) noexcept {
  const std::uint16_t agreed = deflations_[slot].agreed;
  if ((agreed & ring::kDeflateIncomingAlone) != 0) {
    if (!shared_inflater_.is_open() && !shared_inflater_.open(&heap_, kWidestWindow)) return nullptr;
    shared_inflater_.reset();
    return &shared_inflater_;
  }
  Takeover* const own = takeover(slot);
  if (own == nullptr) return nullptr;
  if (!own->inflater.is_open() && !own->inflater.open(&heap_, incoming_window(agreed))) return nullptr;
  return &own->inflater;
}

/// A compressed message that came whole; false when it has to be assembled first, because it is long.
bool Loop::take_compressed(std::uint32_t slot, Opcode opcode, const std::uint8_t* payload, std::size_t length,
                           std::uint32_t key) noexcept {
  std::uint8_t* const copy = length <= kScratch ? scratch() : nullptr;
  if (copy == nullptr) return false;
  simd::unmask_copy(copy, payload, length, key, 0);
  inflate_message(slot, opcode, copy, length, true);
  return true;
}

/// The message in a connection's block is complete, and compressed.
void Loop::take_compressed_block(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  const std::uint64_t block = connection.block;
  const std::size_t length = connection.message_length;
  const bool behind = blocks().size_of(block) - length >= codec::WholeMessages::kBehind;
  const Opcode opcode = protocol::without_compressed(connection.message_opcode);
  inflate_message(slot, opcode, region_->base() + block, length, behind);
}

/// Inflates a message and tells it, or ends the connection over it. `behind`: bytes behind the payload may be written.
void Loop::inflate_message(std::uint32_t slot, Opcode opcode, std::uint8_t* payload, std::size_t length,
                           bool behind) noexcept {
  Inflated text{};
  const Inflating result = inflate(slot, payload, length, behind, &text);
  inflated_turn_ += std::max<std::size_t>(text.length, length);  // blocks without content take time too
  deliver_inflated(slot, opcode, result, text);
}

/// The text is told, or the connection ends over what came of the message.
void Loop::deliver_inflated(std::uint32_t slot, Opcode opcode, Inflating result, const Inflated& text) noexcept {
  if (connections_[slot].phase != Phase::open) {  // it held most when there was no room
    if (result == Inflating::done && text.in_block) region_->release_owned(text.offset);
    return;
  }
  ProtocolError error = ProtocolError::none;
  switch (result) {
    case Inflating::done:
      break;
    case Inflating::rests:  // never at its end
    case Inflating::more:
      error = ProtocolError::message_too_big;
      break;
    case Inflating::malformed:
      error = ProtocolError::malformed_deflate;
      break;
    case Inflating::no_memory:
      connections_[slot].close_code = static_cast<std::uint16_t>(protocol::CloseCode::try_again_later);
      end(slot, ENOMEM, true);
      return;
  }
  if (error == ProtocolError::none && opcode == checked_text_) {
    simd::Utf8Validator utf8;
    const std::uint8_t* const bytes = region_->base() + text.offset;
    if (!utf8.append(bytes, text.length) || !utf8.complete()) error = ProtocolError::invalid_utf8;
  }
  if (error != ProtocolError::none) {
    if (text.in_block) region_->release_owned(text.offset);
    protocol_failure(slot, error);
    return;
  }
  message_event(slot, opcode, text.offset, static_cast<std::uint32_t>(text.length),
                static_cast<std::uint16_t>(text.in_block ? ring::kInBlock : 0));
  if (text.in_block) deliver_later_free(text.offset);
}

// ---- long messages, a slice in each turn

/// False when there is no memory; then the connection has ended.
bool Loop::begin_long(std::uint32_t slot) noexcept {
  const Connection& connection = connections_[slot];
  const bool alone = (deflations_[slot].agreed & ring::kDeflateIncomingAlone) != 0;
  codec::Inflater* inflater = nullptr;
  if (!alone) {
    inflater = inflater_for(slot);
  } else if (long_inflater_.is_open() || long_inflater_.open(&heap_, kWidestWindow)) {
    inflater = &long_inflater_;
    inflater->reset();
  }
  const std::size_t room = inflated_room(connection.message_length);
  const std::int64_t block = inflater != nullptr ? acquire_for(slot, room) : -ENOMEM;
  if (block < 0) {
    deliver_inflated(slot, connection.message_opcode, Inflating::no_memory, {});
    return false;
  }
  inflater->begin(region_->base() + connection.block, connection.message_length);
  long_ = {slot, inflater, static_cast<std::uint64_t>(block), room, 0};
  return true;
}

/// Goes on with the long message of a connection, unless another's is before it. False while there is more to do.
bool Loop::inflate_slice(std::uint32_t slot) noexcept {
  if (long_.slot == kNone && !begin_long(slot)) return true;
  if (long_.slot != slot) return false;
  Connection& connection = connections_[slot];
  const auto limit = static_cast<std::size_t>(options_.max_message_bytes);
  inflated_turn_ += kInflatedPerTurn;
  count(ring::kInflatedSlices);
  std::size_t came = 0;
  const std::size_t left = long_.room - long_.written;
  // At the limit it is only to be found out whether more comes.
  Inflating result = long_.inflater->next(region_->base() + long_.block + long_.written, left, &came, kSlice);
  long_.written += came;
  if (result == Inflating::more && long_.room < limit) {
    const std::size_t room = std::min(limit, long_.room * 2);
    const std::int64_t larger = acquire_for(slot, room);
    if (larger >= 0) {
      std::memcpy(region_->base() + larger, region_->base() + long_.block, long_.written);
      region_->release_owned(long_.block);
      long_.block = static_cast<std::uint64_t>(larger);
      long_.room = room;
      return false;
    }
    if (long_.slot != slot) return true;  // it held most, and has ended
    result = Inflating::no_memory;
  }
  if (result == Inflating::rests || (result == Inflating::more && left > 0)) return false;
  const LongMessage message = long_;
  long_ = {};
  Inflated text{};
  if (result == Inflating::done) {
    text = {fit_block(message.block, message.block, message.written), message.written, true};
  } else {
    region_->release_owned(message.block);
  }
  deliver_inflated(slot, protocol::without_compressed(connection.message_opcode), result, text);
  if (connection.block != 0) region_->release_owned(connection.block);
  forget_message(connection);
  return true;
}

/// The connection wants no more of it.
void Loop::drop_long(std::uint32_t slot) noexcept {
  if (long_.slot != slot) return;
  region_->release_owned(long_.block);
  long_ = {};
}

// ---- short ones, at once

/// `more` is a message longer than allowed. Nothing is left in a block unless `done`.
Inflating Loop::inflate(std::uint32_t slot, std::uint8_t* payload, std::size_t length, bool behind,
                        Inflated* text) noexcept {
  const auto limit = static_cast<std::size_t>(options_.max_message_bytes);
  const bool alone = (deflations_[slot].agreed & ring::kDeflateIncomingAlone) != 0;
  const bool whole = alone && behind && length > kShortPayload;
  codec::Inflater* const inflater = whole ? nullptr : inflater_for(slot);
  if (!whole && inflater == nullptr) return Inflating::no_memory;
  if (!whole) inflater->begin(payload, length);

  // What comes at first lies in the arena.
  const std::size_t free = arena_.available() > kArenaHeadroom ? arena_.available() - kArenaHeadroom : 0;
  const std::size_t room = std::min({free, kInArena, limit});
  if (room == 0) {  // an inflater that is asked with no room at all cannot go on
    return whole ? inflate_whole(slot, payload, length, text) : inflate_on(slot, inflater, length, {}, text);
  }
  std::uint8_t* const start = arena_.begin_write(kArenaHeadroom + free) + kArenaHeadroom;
  std::size_t written = 0;
  Inflating result =
      whole ? whole_messages_.inflate(payload, length, start, room, &written) : inflater->next(start, room, &written);
  if (result == Inflating::more && room < limit) {
    // What stands for itself and is not short after all begins again: 1 MiB of one byte takes zlib 1.7 ms, and
    // libdeflate 0.1, which is how long all others wait.
    result = alone && behind ? inflate_whole(slot, payload, length, text)
                             : inflate_on(slot, inflater, length, {start, written}, text);
    arena_.end_write(kArenaHeadroom + free);
    return result;
  }
  // A message as long as it may be is at its end if nothing more comes.
  std::size_t none = 0;
  if (result == Inflating::more && !whole) result = inflater->next(nullptr, 0, &none);
  arena_.end_write(kArenaHeadroom + free);
  if (result != Inflating::done) return result;
  std::uint8_t* const place = arena_.allocate(kArenaHeadroom + written) + kArenaHeadroom;
  *text = {offset_of(place), written, false};
  return result;
}

/// As much room as the message can need; pages are touched only as it comes. Where space is scarce, little.
std::size_t Loop::inflated_room(std::size_t length) noexcept {
  const auto limit = static_cast<std::uint64_t>(options_.max_message_bytes);
  const std::uint64_t most = std::min(limit, length * kMostInflated);
  const bool scarce = blocks().free_bytes() < blocks().capacity() / 4 + most;
  return static_cast<std::size_t>(scarce ? std::min<std::uint64_t>(most, 4 * kInArena) : most);
}

/// A long message that stands for itself, at once.
Inflating Loop::inflate_whole(std::uint32_t slot, std::uint8_t* payload, std::size_t length, Inflated* text) noexcept {
  const auto limit = static_cast<std::uint64_t>(options_.max_message_bytes);
  const std::uint64_t most = std::min(limit, length * kMostInflated);
  for (std::size_t room = inflated_room(length);;
       room = static_cast<std::size_t>(std::min<std::uint64_t>(most, room * 4))) {
    const std::int64_t acquired = acquire_for(slot, room);
    if (acquired < 0) return Inflating::no_memory;
    const auto block = static_cast<std::uint64_t>(acquired);
    std::size_t written = 0;
    const Inflating result = whole_messages_.inflate(payload, length, region_->base() + block, room, &written);
    if (result == Inflating::done) {
      *text = {fit_block(block, block, written), written, true};
      return result;
    }
    region_->release_owned(block);
    if (result != Inflating::more || room == most) return result;
  }
}

/// The rest of a message of which something has come.
Inflating Loop::inflate_on(std::uint32_t slot, codec::Inflater* inflater, std::size_t length,
                           std::span<const std::uint8_t> begun, Inflated* text) noexcept {
  const auto limit = static_cast<std::size_t>(options_.max_message_bytes);
  std::size_t written = begun.size();
  std::size_t room = std::min(limit, std::max(inflated_room(length), 2 * written));
  std::uint64_t block = 0;
  const std::uint8_t* from = begun.data();
  for (;;) {
    const std::int64_t acquired = acquire_for(slot, room);
    if (acquired >= 0 && written > 0) std::memcpy(region_->base() + acquired, from, written);
    if (block != 0) region_->release_owned(block);
    if (acquired < 0) return Inflating::no_memory;
    block = static_cast<std::uint64_t>(acquired);
    from = region_->base() + block;
    std::size_t came = 0;
    Inflating result = inflater->next(region_->base() + block + written, room - written, &came);
    written += came;
    if (result == Inflating::more && room == limit) {
      result = inflater->next(nullptr, 0, &came);
    } else if (result == Inflating::more) {
      room = std::min(limit, room * 2);
      continue;
    }
    if (result == Inflating::done) {
      *text = {fit_block(block, block, written), written, true};
    } else {
      region_->release_owned(block);
    }
    return result;
  }
}

/// A message that takes little of its block moves into one of its size, if there is one: it may be held for long.
std::uint64_t Loop::fit_block(std::uint64_t block, std::uint64_t offset, std::size_t length) noexcept {
  if (blocks().size_of(block) / 2 <= std::max<std::size_t>(length, 1)) return offset;
  const std::int64_t smaller = blocks().acquire(length);
  if (smaller < 0) return offset;
  const auto place = static_cast<std::uint64_t>(smaller);
  std::memcpy(region_->base() + place, region_->base() + offset, length);
  count(ring::kPayloadBytesCopied, static_cast<std::int64_t>(length));
  region_->release_owned(block);
  return place;
}

// ---- outgoing

/// The deflater that a connection has to itself; nullptr when there is no memory.
codec::Deflater* Loop::deflater_for(std::uint32_t slot) noexcept {
  Takeover* const own = takeover(slot);
  if (own == nullptr) return nullptr;
  const bool open =
      own->deflater.is_open() || own->deflater.open(&heap_, options_.deflate_level, options_.deflate_memory_level,
                                                    outgoing_window(deflations_[slot].agreed));
  return open ? &own->deflater : nullptr;
}

/// The deflater for a message that stands for itself and that libdeflate is not for; nullptr when there is no memory.
codec::Deflater* Loop::shared_deflater(unsigned window_bits, std::size_t length) noexcept {
  if (length <= kShortMessage && options_.deflate_level == 1) {
    const bool open = short_deflater_.is_open() ||
                      short_deflater_.open(&heap_, 1, kShortMemoryLevel, kShortWindow, codec::Codes::fixed);
    return open ? &short_deflater_ : nullptr;
  }
  if (shared_deflater_.is_open() && shared_window_bits_ != window_bits) shared_deflater_.close();
  if (!shared_deflater_.is_open() &&
      !shared_deflater_.open(&heap_, options_.deflate_level, options_.deflate_memory_level, window_bits)) {
    return nullptr;
  }
  shared_window_bits_ = window_bits;
  return &shared_deflater_;
}

/// Compresses a message that stands for itself; 0 when it does not become shorter. libdeflate looks at every byte more
/// than once, so what a handler may still write to is copied first: it must not change meanwhile. zlib takes a copy
/// itself.
std::size_t Loop::compress_alone(unsigned window_bits, const std::uint8_t* payload, std::size_t length, bool is_private,
                                 std::uint8_t* to, std::size_t room) noexcept {
  // libdeflate knows the widest window only.
  const bool fits = window_bits == kWidestWindow || length <= std::size_t{1} << window_bits;
  const bool is_short = length <= kShortMessage && options_.deflate_level == 1;
  if (fits && !is_short && !is_private && length <= kScratch && scratch() != nullptr) {
    std::memcpy(scratch_, payload, length);
    payload = scratch_;
    is_private = true;
  }
  if (fits && !is_short && is_private) {
    const std::size_t came = whole_messages_.compress(payload, length, to, room);
    return came < length ? came : 0;
  }
  codec::Deflater* const deflater = shared_deflater(window_bits, length);
  if (deflater == nullptr) return 0;
  deflater->reset();
  const std::int64_t came = deflater->compress(payload, length, to, room);
  return came > 0 && static_cast<std::size_t>(came) < length ? static_cast<std::size_t>(came) : 0;
}

/// Sends a message compressed. False when it is to be sent as it is: that was not agreed on, or it would not become
/// shorter. The command's payload has been checked.
bool Loop::put_compressed(std::uint32_t slot, Opcode opcode, const std::uint8_t* payload,
                          const ring::Record& command) noexcept {
  const std::uint16_t agreed = deflations_[slot].agreed;
  const std::size_t length = command.length;
  if (agreed == 0 || (command.flags & ring::kUncompressed) != 0 || length == 0 ||
      length < static_cast<std::uint64_t>(options_.deflate_threshold)) {
    return false;
  }
  const bool alone = (agreed & ring::kDeflateOutgoingAlone) != 0;
  codec::Deflater* const own = alone ? nullptr : deflater_for(slot);
  if (!alone && own == nullptr) return false;
  const std::size_t room = alone ? length + kEncoderSlack : codec::Deflater::bound(length);
  const std::size_t mask = role_ == protocol::Role::client ? protocol::kMaskBytes : 0;
  const std::size_t headroom = protocol::frame_header_length(room) + mask;

  std::uint8_t* frame = nullptr;
  std::size_t mark = 0;
  const bool in_block = headroom + room > kInTemporary;
  if (in_block) {
    const std::int64_t block = blocks().acquire(headroom + room);
    if (block < 0) return false;
    frame = region_->base() + block;
  } else {
    reserve_temporary(slot, headroom + room);
    if (connections_[slot].phase != Phase::open) {
      give_up_payload(command);
      return true;
    }
    mark = temporary_.mark();
    frame = temporary(headroom + room);
  }
  std::size_t came = 0;
  if (alone) {
    const bool is_private = (command.flags & ring::kStaged) != 0 || lies_in_arena(command);
    came = compress_alone(outgoing_window(agreed), payload, length, is_private, frame + headroom, room);
  } else if (const std::int64_t result = own->compress(payload, length, frame + headroom, room); result > 0) {
    came = static_cast<std::size_t>(result);
  } else {
    own->reset();  // the peer has seen nothing of it
  }
  if (came == 0) {
    if (in_block) {
      region_->release_owned(offset_of(frame));
    } else {
      temporary_.rewind(mark);
    }
    return false;
  }
  if ((command.flags & ring::kOwned) != 0) release_address(command.address);

  const std::size_t header = protocol::frame_header_length(came) + mask;
  std::uint8_t* at = frame + headroom;
  if (header < headroom && came <= protocol::kMaxControlPayload) {
    // Short frames lie one behind the other then, and leave as one piece.
    at = frame + header;
    std::memmove(at, frame + headroom, came);
  }
  if (role_ == protocol::Role::client) {
    const std::uint32_t key = next_key();
    simd::unmask(at, came, key, 0);
    (void)protocol::write_masked_header_before(at, protocol::compressed(opcode), came, key);
  } else {
    (void)protocol::write_frame_header_before(at, protocol::compressed(opcode), came);
  }
  std::uint8_t* const start = at - header;
  if (in_block) {
    // It may wait for long, and counts by its length there.
    const std::uint64_t place = fit_block(offset_of(frame), offset_of(start), header + came);
    put(slot, region_->base() + place, header + came, {address_of(place), command.auxiliary, Gather::Source::owned});
  } else {
    temporary_.rewind(mark + static_cast<std::size_t>(at - frame) + came);
    put(slot, start, header + came, {0, command.auxiliary, Gather::Source::copied});
  }
  return true;
}

}  // namespace millrace::engine
