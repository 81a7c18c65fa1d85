// SPDX-License-Identifier: Apache-2.0
//
// Bytes out: what a chain of commands puts is gathered and leaves by one sendmsg; what the socket does not take waits
// in the connection's queue of pieces. Blocks are referenced there, only borrowed bytes are copied.
#include <sys/uio.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "engine/loop.hpp"
#include "simd/unmask.hpp"

namespace millrace::engine {

using memory::kNone;
using protocol::Opcode;

namespace {

constexpr std::size_t kQueueBlock = 4096;
/// For a header alone, whose payload lies in a block of its own: what waits pins little more than its length.
constexpr std::size_t kHeaderBlock = 256;
/// Copies go into blocks whose sizes add up to little more than what is copied. A page is the longest: free ones need
/// not lie side by side.
std::size_t copy_block(std::size_t length) noexcept {
  if (length <= protocol::kMaxFrameHeader) return kHeaderBlock;
  return length <= kQueueBlock ? kQueueBlock : std::min(std::bit_floor(length), memory::kPageBytes);
}

}  // namespace

/// A frame whose payload is copied behind its header.
void Loop::put_frame(std::uint32_t slot, Opcode opcode, const std::uint8_t* payload, std::size_t length,
                     std::uint64_t token) noexcept {
  if (role_ == protocol::Role::client) {
    put_masked_frame(slot, opcode, payload, length, token);
    return;
  }
  const std::size_t header = protocol::frame_header_length(length);
  std::uint8_t* const frame = temporary(header + length);
  (void)protocol::write_frame_header_before(frame + header, opcode, length);
  if (length > 0) std::memcpy(frame + header, payload, length);
  count(ring::kPayloadBytesCopied, static_cast<std::int64_t>(length));
  put(slot, frame, header + length, {0, token, Gather::Source::copied});
}

/// A header whose payload follows as a piece of its own.
void Loop::put_header(std::uint32_t slot, Opcode opcode, std::uint64_t length) noexcept {
  const std::size_t header = protocol::frame_header_length(length);
  std::uint8_t* const start = temporary(header);
  (void)protocol::write_frame_header_before(start + header, opcode, length);
  put(slot, start, header, {0, 0, Gather::Source::copied});
}

/// The same as put_frame, masked.
void Loop::put_masked_frame(std::uint32_t slot, Opcode opcode, const std::uint8_t* payload, std::size_t length,
                            std::uint64_t token) noexcept {
  const std::uint32_t key = next_key();
  std::uint8_t* const start = temporary(protocol::kMaskBytes + protocol::frame_header_length(length) + length);
  std::uint8_t* const to = start + protocol::kMaskBytes + protocol::frame_header_length(length);
  (void)protocol::write_masked_header_before(to, opcode, length, key);
  simd::unmask_copy(to, payload, length, key, 0);
  count(ring::kPayloadBytesCopied, static_cast<std::int64_t>(length));
  put(slot, start, static_cast<std::size_t>(to - start) + length, {0, token, Gather::Source::copied});
}

/// A header, and behind it a payload that lies in a block and is masked already.
void Loop::put_masked_block(std::uint32_t slot, Opcode opcode, std::uint8_t* payload, std::size_t length,
                            std::uint32_t key, const Gather::Piece& piece) noexcept {
  const std::size_t header = protocol::kMaskBytes + protocol::frame_header_length(length);
  reserve_temporary(slot, header);
  std::uint8_t* const start = temporary(header);
  (void)protocol::write_masked_header_before(start + header, opcode, length, key);
  put(slot, start, header, {0, 0, Gather::Source::copied});
  put(slot, payload, length, piece);
}

/// A payload that others still look at, and is long: its masked copy gets a block of its own.
void Loop::put_masked_copy(std::uint32_t slot, Opcode opcode, const std::uint8_t* payload, std::size_t length,
                           std::uint64_t token) noexcept {
  const std::int64_t block = acquire_for(slot, length);
  if (block < 0) {
    complete(token, true);
    return;
  }
  const auto offset = static_cast<std::uint64_t>(block);
  const std::uint32_t key = next_key();
  std::uint8_t* const to = region_->base() + offset;
  simd::unmask_copy(to, payload, length, key, 0);
  count(ring::kPayloadBytesCopied, static_cast<std::int64_t>(length));
  put_masked_block(slot, opcode, to, length, key, {address_of(offset), token, Gather::Source::owned});
}

/// A key that the peer's network cannot foretell (RFC 6455 5.3, 10.3), from a pool that is filled now and then.
std::uint32_t Loop::next_key() noexcept {
  if (keys_left_ == 0) {
    // That it is possible was seen when the loop was made.
    if (os::random_bytes(keys_, sizeof keys_) < 0) count(ring::kAcceptFailures);
    keys_left_ = kKeys;
  }
  return keys_[--keys_left_];
}

/// Room in the temporary area. It is made before the bytes are put: a full area is sent first.
void Loop::reserve_temporary(std::uint32_t slot, std::size_t length) noexcept {
  const bool fits = temporary_.available() >= length;
  if (!fits) count(ring::kTemporarySpills);
  if (!fits || gather_.full()) send_gathered(slot);
}

std::uint8_t* Loop::temporary(std::size_t length) noexcept { return temporary_.allocate(length); }

void Loop::put(std::uint32_t slot, std::uint8_t* start, std::size_t length, const Gather::Piece& piece) noexcept {
  if (gather_.full()) send_gathered(slot);
  Connection& connection = connections_[slot];
  if (has_ended(connection) || cannot_send(connection)) {
    if (piece.source == Gather::Source::owned) release_address(piece.address);
    complete(piece.token, true);
    return;
  }
  if (connection.queue_head != kNone) {
    enqueue(slot, start, length, piece);
    return;
  }
  gather_.add(start, length, piece);
}

void Loop::send_gathered(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  const int pieces = gather_.count();
  if (pieces > 0) {
    // A command of this chain may have ended the connection: what was put before it has nowhere to go.
    std::int64_t sent = -ECONNABORTED;
    if (connection.stream.is_open()) {
      sent = connection.stream.send(gather_.pieces(), pieces);
      count(ring::kSends);
    }
    const int error = sent < 0 && sent != -EAGAIN ? static_cast<int>(-sent) : 0;
    sent = std::max<std::int64_t>(sent, 0);
    count(ring::kBytesSent, sent);
    if (static_cast<std::uint64_t>(sent) < gather_.bytes() && error == 0) count(ring::kPartialSends);
    auto left = static_cast<std::uint64_t>(sent);
    for (int index = 0; index < pieces; ++index) {
      const iovec& piece = gather_.pieces()[index];
      Gather::Piece rest = gather_.piece(index);
      const std::uint64_t taken = std::min<std::uint64_t>(left, piece.iov_len);
      left -= taken;
      // An empty piece behind bytes that wait is not with the kernel yet either.
      if (error != 0 || (taken == piece.iov_len && connection.queue_head == kNone)) {
        if (rest.source == Gather::Source::owned) release_address(rest.address);
        complete(rest.token, error != 0);
        continue;
      }
      rest.address += rest.address != 0 ? taken : 0;
      enqueue(slot, static_cast<std::uint8_t*>(piece.iov_base) + taken, piece.iov_len - taken, rest);
    }
    gather_.clear();
    if (error != 0) send_failed(slot, error);
  }
  end_temporary();
  if (connection.phase != Phase::ended && connection.phase != Phase::free) queue_changed(slot);
}

void Loop::end_temporary() noexcept {
  temporary_turn_ = std::max(temporary_turn_, temporary_.used());
  temporary_.reset();
}

void Loop::enqueue(std::uint32_t slot, const std::uint8_t* start, std::size_t length,
                   const Gather::Piece& piece) noexcept {
  if (length == 0) {
    // Nothing to send, but its place in the order counts: it is done when what stands before it is.
    enqueue_copy(slot, {}, piece.token);
    if (piece.source == Gather::Source::owned) release_address(piece.address);
    return;
  }
  if (piece.source == Gather::Source::copied) {
    enqueue_copy(slot, {start, length}, piece.token);
    return;
  }
  std::size_t packed = 0;
  if (piece.source == Gather::Source::owned && (length <= kCopyLimit || wastes_block(slot, piece.address, length))) {
    packed = pack(slot, piece.address, {start, length}, piece.token);
    if (packed == length) {
      release_address(piece.address);
      return;
    }
  }
  if (piece.source == Gather::Source::borrowed) {
    (void)memory::Region::find(ring::region_of(piece.address))->blocks().retain(ring::offset_of(piece.address));
  }
  const auto rest = static_cast<std::uint32_t>(length - packed);
  append_piece(slot, {piece.address + packed, piece.token, rest, 0, kNone, kNone});
}

/// Whether a copy behind what waits for the kernel pins less than a block that nobody else has: more than an eighth of
/// that would be for nothing.
bool Loop::wastes_block(std::uint32_t slot, std::uint64_t address, std::size_t length) noexcept {
  if (connections_[slot].queue_head == kNone || connections_[slot].keeping) return false;
  const memory::BlockPool& pool = memory::Region::find(ring::region_of(address))->blocks();
  const std::uint64_t offset = ring::offset_of(address);
  const std::size_t size = pool.size_of(offset);
  return size - length > size / 8 && pool.is_alone(offset);
}

/// Copies what lies in a block behind what waits, as far as there is room that nobody must be closed for; how much.
/// What other threads send takes nothing of the loop's share.
std::size_t Loop::pack(std::uint32_t slot, std::uint64_t address, std::span<const std::uint8_t> bytes,
                       std::uint64_t token) noexcept {
  const bool shared = ring::region_of(address) == memory::Region::kShared;
  if (!shared && blocks().free_bytes() < blocks().capacity() / 4) return 0;
  memory::Region* const region = shared ? memory::Region::find(memory::Region::kShared) : region_;
  std::span<const std::uint8_t> rest = bytes;
  (void)extend_tail(slot, &rest, token);
  while (!rest.empty()) {
    const std::size_t wanted = copy_block(rest.size());
    const std::int64_t block = shared ? region->acquire_locked(wanted) : blocks().acquire(wanted);
    if (block < 0) break;
    append_copy(slot, region, static_cast<std::uint64_t>(block), &rest, token);
  }
  count(ring::kPayloadBytesCopied, static_cast<std::int64_t>(bytes.size() - rest.size()));
  return bytes.size() - rest.size();
}

void Loop::enqueue_copy(std::uint32_t slot, std::span<const std::uint8_t> rest, std::uint64_t token) noexcept {
  count(ring::kPayloadBytesCopied, static_cast<std::int64_t>(rest.size()));
  if (extend_tail(slot, &rest, token)) return;
  do {
    const std::int64_t block = acquire_for(slot, copy_block(rest.size()));
    if (block < 0) {
      complete(token, true);
      return;
    }
    append_copy(slot, region_, static_cast<std::uint64_t>(block), &rest, token);
  } while (!rest.empty());
}

/// Takes off the rest what the last piece has room for; true when that is all, which ends where its token is due.
bool Loop::extend_tail(std::uint32_t slot, std::span<const std::uint8_t>* rest, std::uint64_t token) noexcept {
  Connection& connection = connections_[slot];
  if (connection.queue_tail == kNone || pieces_[connection.queue_tail].token != 0) return false;
  Piece& tail = pieces_[connection.queue_tail];
  const auto here = static_cast<std::uint32_t>(std::min<std::size_t>(rest->size(), tail.room));
  if (here > 0) std::memcpy(bytes_at(tail.address, 0) + tail.length, rest->data(), here);
  tail.length += here;
  tail.room -= here;
  connection.buffered += here;
  *rest = rest->subspan(here);
  if (!rest->empty()) return false;
  tail.token = token;
  return true;
}

/// Takes off the rest what a new block has room for.
void Loop::append_copy(std::uint32_t slot, memory::Region* region, std::uint64_t block,
                       std::span<const std::uint8_t>* rest, std::uint64_t token) noexcept {
  const std::size_t size = std::as_const(*region).blocks().size_of(block);
  const auto here = static_cast<std::uint32_t>(std::min(rest->size(), size));
  if (here > 0) std::memcpy(region->base() + block, rest->data(), here);
  *rest = rest->subspan(here);
  const auto room = static_cast<std::uint32_t>(size - here);
  append_piece(slot, {ring::make_address(region->id(), block), rest->empty() ? token : 0, here, room, kNone, kNone});
}

void Loop::append_piece(std::uint32_t slot, const Piece& piece) noexcept {
  Connection& connection = connections_[slot];
  const bool ended = connection.phase == Phase::ended || connection.phase == Phase::free;
  const std::uint32_t index = ended ? kNone : pieces_.allocate();
  if (index == kNone) {
    if (!ended) {  // what follows would stand in its place
      connection.close_code = static_cast<std::uint16_t>(protocol::CloseCode::try_again_later);
      end(slot, ENOMEM, true);
    }
    release_address(piece.address);
    complete(piece.token, true);
    return;
  }
  pieces_[index] = piece;
  if (connection.queue_tail != kNone) {
    pieces_[connection.queue_tail].next = index;
  } else {
    connection.queue_head = index;
    times_[slot].stuck_ns = now_ns_;
  }
  connection.queue_tail = index;
  connection.buffered += piece.length;
}

/// The socket has room again, or what was kept leaves.
void Loop::flush_queue(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (connection.keeping) {
    connection.keeping = false;
    forget_batch(slot);
    times_[slot].stuck_ns = now_ns_;
  }
  if (connection.queue_head == kNone) return;
  iovec iovecs[os::kMaxPieces];
  int pieces = 0;
  for (std::uint32_t index = connection.queue_head; index != kNone && pieces < os::kMaxPieces;
       index = pieces_[index].next) {
    iovecs[pieces++] = {bytes_at(pieces_[index].address, 0), pieces_[index].length};
  }
  const std::int64_t sent = connection.stream.send(iovecs, pieces);
  count(ring::kSends);
  if (sent == -EAGAIN) {
    update_interest(slot);  // what was kept had none
    return;
  }
  if (sent < 0) {
    send_failed(slot, static_cast<int>(-sent));
    if (!has_ended(connection)) queue_changed(slot);
    return;
  }
  count(ring::kBytesSent, sent);
  auto left = static_cast<std::uint64_t>(sent);
  connection.buffered -= left;
  times_[slot].stuck_ns = connection.active_ns = now_ns_;
  while (connection.queue_head != kNone) {
    const std::uint32_t head = connection.queue_head;
    Piece& piece = pieces_[head];
    if (left < piece.length) {
      piece.address += left;
      piece.length -= static_cast<std::uint32_t>(left);
      break;
    }
    left -= piece.length;
    connection.queue_head = piece.next;
    if (connection.queue_head == kNone) connection.queue_tail = kNone;
    const std::uint64_t token = piece.token;
    release_address(piece.address);
    pieces_.release(head);
    complete(token, false);
  }
  queue_changed(slot);
}

void Loop::drop_queue(Connection& connection) noexcept {
  while (connection.queue_head != kNone) {
    const std::uint32_t head = connection.queue_head;
    const Piece& piece = pieces_[head];
    connection.queue_head = piece.next;
    const std::uint64_t token = piece.token;
    release_address(piece.address);
    pieces_.release(head);
    complete(token, true);
  }
  connection.queue_tail = kNone;
  connection.buffered = 0;
  connection.keeping = false;
}

/// The peer takes nothing any more. What it sent before may lie in the kernel unread, a Close among it that says why:
/// the socket is read to its end, for as long as closing may take.
void Loop::send_failed(std::uint32_t slot, int error_number) noexcept {
  Connection& connection = connections_[slot];
  const bool gone = error_number == EPIPE || error_number == ECONNRESET;
  const bool reads = connection.phase == Phase::open || connection.phase == Phase::closing;
  if (!gone || !reads || !connection.websocket || connection.input_ended || connection.eof) {
    end(slot, error_number, false);
    return;
  }
  connection.error_number = error_number;
  connection.takes_no_sends = true;
  connection.stopped = connection.above_low = false;
  drop_queue(connection);
  drop_pong(connection);
  if (connection.phase == Phase::open) set_deadline(slot, options_.close_timeout_ns);
}

/// What Java judges its next sends by, also before it is told that the connection is about to end.
void Loop::tell_buffered(std::uint32_t slot) noexcept {
  const Connection& connection = connections_[slot];
  const bool takes_none = connection.takes_no_sends || connection.phase == Phase::ended;
  const std::int64_t word =
      takes_none ? ring::kNoMoreSends : ring::buffered_word(connection.generation, connection.buffered);
  __atomic_store_n(&buffered_words_[slot], word, __ATOMIC_RELAXED);
}

/// What follows from more or fewer bytes in the queue: marks, interest, and the end of a closing connection.
void Loop::queue_changed(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  tell_buffered(slot);
  const auto low = static_cast<std::uint64_t>(low_water());
  if (connection.buffered > low) {
    // The server's rule alone: if both sides waited for the other to read, both would wait for ever.
    const bool stops = role_ == protocol::Role::server && connection.phase == Phase::open;
    if (stops && !connection.stopped) count(ring::kReadsStopped);
    connection.stopped = stops;
    connection.above_low = true;
  } else if (connection.above_low) {
    connection.above_low = false;
    connection.stopped = false;
    if (connection.announced) post(slot, kPendingDrained);
  }
  if (connection.queue_head == kNone) {
    if (connection.phase == Phase::closing) {
      last_byte_sent(slot);
      return;
    }
    if (connection.eof && !connection.holds_end) {
      end(slot, 0, false);
      return;
    }
    if (connection.pong != kNone && gather_.count() == 0 && connection.phase == Phase::open) list_pong(connection.pong);
  }
  update_interest(slot);
}

/// Every ping is answered while the way out is free: its pong is shorter. For a peer that does not read, the latest
/// alone waits (RFC 6455 5.5.3).
void Loop::queue_pong(std::uint32_t slot, const std::uint8_t* payload, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  if (connection.keeping) flush_queue(slot);
  if (has_ended(connection) || cannot_send(connection)) return;
  if (connection.pong != kNone && connection.queue_head == kNone && !put_pong_frame(slot)) return;
  if (connection.pong == kNone) {
    connection.pong = pongs_.allocate();
    // All taken: only by nodes of connections that have just gone. The peer's next ping will find room.
    if (connection.pong == kNone) return;
    pongs_[connection.pong].slot = slot;
    pongs_[connection.pong].listed = false;
  }
  Pong& pong = pongs_[connection.pong];
  pong.length = static_cast<std::uint8_t>(length);
  if (length > 0) std::memcpy(pong.payload, payload, length);
  list_pong(connection.pong);
}

void Loop::list_pong(std::uint32_t index) noexcept {
  Pong& pong = pongs_[index];
  if (pong.listed) return;
  pong.listed = true;
  pong.next = pong_first_;
  pong_first_ = index;
}

void Loop::drop_pong(Connection& connection) noexcept {
  if (connection.pong == kNone) return;
  Pong& pong = pongs_[connection.pong];
  pong.slot = kNone;
  if (!pong.listed) pongs_.release(connection.pong);
  connection.pong = kNone;
}

/// Puts the pong that waits, if the connection may still send.
void Loop::put_pong(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (connection.pong == kNone || connection.phase != Phase::open || connection.queue_head != kNone) return;
  if (put_pong_frame(slot)) drop_pong(connection);
}

/// Puts the frame of the pong that waits. False when making room for it ended the connection, and the pong with it.
bool Loop::put_pong_frame(std::uint32_t slot) noexcept {
  const Connection& connection = connections_[slot];
  const Pong& pong = pongs_[connection.pong];
  reserve_temporary(slot, protocol::kMaxFrameHeader + pong.length);
  if (connection.pong == kNone) return false;
  put_frame(slot, Opcode::pong, pong.payload, pong.length, 0);
  count(ring::kPongsSent);
  return connection.pong != kNone;
}

/// Pongs that no chain of commands took along.
void Loop::send_pongs() noexcept {
  std::uint32_t index = pong_first_;
  pong_first_ = kNone;
  while (index != kNone) {
    Pong& pong = pongs_[index];
    const std::uint32_t next = pong.next;
    const std::uint32_t slot = pong.slot;
    pong.listed = false;
    if (slot == kNone) {
      pongs_.release(index);
    } else {
      put_pong(slot);
      if (gather_.count() > 0) send_gathered(slot);
    }
    index = next;
  }
}

/// The bytes of a sendAsync are with the kernel, or will never be.
void Loop::complete(std::uint64_t token, bool failed) noexcept {
  if (token != 0) append_completed({0, token, failed ? 1U : 0U, 0, kNone, kNone});
}

/// A socket could not be made: DIALED with FAILED is due, which is told by an address, the error's number.
void Loop::tell_refused(std::uint64_t token, int error_number) noexcept {
  append_completed({static_cast<std::uint64_t>(error_number), token, 1, 0, kNone, kNone});
}

void Loop::append_completed(const Piece& fact) noexcept {
  const std::uint32_t index = pieces_.allocate();
  if (index == kNone) return;
  pieces_[index] = fact;
  if (completed_last_ != kNone) {
    pieces_[completed_last_].next = index;
  } else {
    completed_first_ = index;
  }
  completed_last_ = index;
}

void Loop::release_address(std::uint64_t address) noexcept {
  memory::Region* region = memory::Region::find(ring::region_of(address));
  if (region == region_) {
    region->release_owned(ring::offset_of(address));
  } else if (region != nullptr) {
    region->release(ring::offset_of(address));
  }
}

/// Whether nobody else holds the block that this address lies in.
bool Loop::is_alone(std::uint64_t address) const noexcept {
  return memory::Region::find(ring::region_of(address))->blocks().is_alone(ring::offset_of(address));
}

/// The bytes of a block, or nullptr when no live block holds all of them.
std::uint8_t* Loop::bytes_at(std::uint64_t address, std::uint64_t length) noexcept {
  memory::Region* region = memory::Region::find(ring::region_of(address));
  const std::uint64_t offset = ring::offset_of(address);
  if (region == nullptr || !region->blocks().contains(offset, length)) return nullptr;
  return region->base() + offset;
}

}  // namespace millrace::engine
