// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "engine/loop.hpp"

namespace millrace::engine {

using memory::kNone;
using protocol::CloseCode;

/// Nothing may be queued any more. FIN goes out behind what is queued (RFC 6455 7.1.1: the server closes first).
void Loop::begin_closing(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  connection.phase = Phase::closing;
  // Frames that wait unparsed still are: the peer's Close may stand among them.
  if (!connection.websocket) drop_held(connection);
  drop_message(connection);
  connection.stopped = false;
  end_limits(connection);
  connection.batching = connection.holds_end = false;
  set_deadline(slot, options_.close_timeout_ns);
  if (connection.keeping) flush_queue(slot);
}

/// The kernel has everything that was queued on a closing connection. After two Close frames the server closes first
/// (RFC 6455 7.1.1); one that has broken a rule is not waited for.
void Loop::last_byte_sent(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (role_ == protocol::Role::server || connection.protocol_error != 0) connection.stream.finish_sending();
  connection.phase = Phase::draining;
  if (connection.eof) {
    end(slot, 0, false);
    return;
  }
  // Closing with unread input would reset the connection and destroy what was just sent: read to the peer's FIN.
  update_interest(slot);
}

/// The peer's FIN came.
void Loop::peer_finished(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (connection.keeping) flush_queue(slot);
  if (has_ended(connection)) return;
  connection.eof = true;
  connection.batching = false;
  const bool unsent = connection.queue_head != kNone || connection.holds_end;
  if (connection.phase == Phase::draining || !unsent) {
    end(slot, 0, false);
    return;
  }
  if (connection.holds_end) post(slot, kPendingFinished);
  // It may still be reading what we owe it.
  if (connection.phase != Phase::closing) set_deadline(slot, options_.close_timeout_ns);
  update_interest(slot);
}

void Loop::discard(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  const std::size_t room = std::min(arena_.available(), ring::kQuantum);
  const iovec piece{arena_.begin_write(room), room};
  const std::int64_t received = connection.stream.receive(&piece, 1);
  arena_.end_write(room);
  count(ring::kReceives);
  if (received == -EAGAIN) return;
  if (received <= 0) {
    end(slot, 0, false);
    return;
  }
  connection.discarded = (connection.discarded + static_cast<std::uint32_t>(received)) & kDiscardMask;
  if (connection.discarded > kDiscardLimit) end(slot, 0, false);
}

/// Java's handlers have not come to the peer's Close, or its error, in time: it is answered without them.
void Loop::force_close(std::uint32_t slot) noexcept {
  connections_[slot].takes_no_sends = true;
  const std::uint16_t code = connections_[slot].close_code;
  std::uint8_t body[protocol::kMaxControlPayload];
  const std::uint16_t answer = protocol::is_sendable(code) ? code : std::uint16_t{0};  // 1005 is never on the wire
  const std::size_t length = protocol::write_close_body(body, answer, nullptr, 0);
  put_frame(slot, protocol::Opcode::close, body, length, 0);
  if (has_ended(connections_[slot])) return;  // it was the one that held most when there was no room for the frame
  begin_closing(slot);
  if (has_ended(connections_[slot])) return;  // what a batch kept has failed to leave
  tell_buffered(slot);
  send_gathered(slot);
}

/// The socket is closed and everything the connection held is given back. The slot stays until CLOSED is written.
void Loop::end(std::uint32_t slot, int error_number, bool reset) noexcept {
  Connection& connection = connections_[slot];
  if (connection.phase == Phase::ended || connection.phase == Phase::free) return;
  if (connection.on_poller) os::poller_remove(poller_, connection.stream.fd());
  connection.on_poller = false;
  // A client that gives up before it is open has nothing that a RST would spare anybody.
  const bool gives_up = role_ == protocol::Role::client && connection.opening != kNone;
  connection.stream.close(reset && !gives_up);
  connection.phase = Phase::ended;
  if (error_number != 0) connection.error_number = error_number;
  disarm(connection);
  end_opening(connection);
  drop_held(connection);
  drop_queue(connection);
  drop_rest(connection);
  drop_message(connection);
  end_deflate(slot);
  drop_pong(connection);
  tell_buffered(slot);
  count(ring::kClosedCount);
  if (connection.announced) {
    post(slot, kPendingClosed);
  } else {
    release_slot(slot);
  }
}

void Loop::release_slot(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  connection.phase = Phase::free;
  ++connection.generation;
  connections_.release(slot);
  slabs_.subtract(sizeof(Times));
  gauge(ring::kConnections, connections_.in_use());
  connection_count_.store(connections_.in_use(), std::memory_order_relaxed);
}

void Loop::post(std::uint32_t slot, Pending fact) noexcept {
  Connection& connection = connections_[slot];
  // Who has looked for room may be about to write: a block for what it tells has cost this connection its place.
  const bool leaves_room = events_.room() > kEventsOfAStep;
  if (writing_events_ && leaves_room && connection.pending == 0 && write_fact(slot, fact)) return;
  connection.pending |= fact;
  if (connection.pending_listed) return;
  connection.pending_listed = true;
  connection.next_pending = kNone;
  if (pending_last_ != kNone) {
    connections_[pending_last_].next_pending = slot;
  } else {
    pending_first_ = slot;
  }
  pending_last_ = slot;
}

void Loop::write_pending() noexcept {
  for (std::uint32_t index = 0; index < listening_count_; ++index) events_.append(listening_[index]);
  listening_count_ = 0;
  while (completed_first_ != kNone && event_room(1)) {
    const Piece& piece = pieces_[completed_first_];
    ring::Record event{};
    event.type = piece.address == 0 ? ring::kSent : ring::kDialed;
    event.address = piece.address;
    event.auxiliary = piece.token;
    event.flags = piece.length != 0 ? ring::kFailed : 0;
    events_.append(event);
    const std::uint32_t written = completed_first_;
    completed_first_ = piece.next;
    if (completed_first_ == kNone) completed_last_ = kNone;
    pieces_.release(written);
  }
  while (pending_first_ != kNone) {
    const std::uint32_t slot = pending_first_;
    Connection& connection = connections_[slot];
    const std::uint32_t next = connection.next_pending;
    for (const Pending fact :
         {kPendingDialed, kPendingConnected, kPendingClosing, kPendingDrained, kPendingFinished, kPendingClosed}) {
      if ((connection.pending & fact) == 0) continue;
      if (!event_room(1)) return;
      connection.pending &= static_cast<std::uint8_t>(~fact);
      connection.pending_listed = connection.pending != 0;
      // The last one: CLOSED gives the slot away.
      const bool last = !connection.pending_listed;
      (void)write_fact(slot, fact);
      if (last) break;
    }
    pending_first_ = next;
    if (next == kNone) pending_last_ = kNone;
  }
}

bool Loop::write_fact(std::uint32_t slot, Pending fact) noexcept {
  if (!event_room(1)) return false;
  Connection& connection = connections_[slot];
  ring::Record event{};
  event.slot = slot;
  event.generation = connection.generation;
  switch (fact) {
    case kPendingDialed:
      event.type = ring::kDialed;
      event.auxiliary = connection.opening != kNone ? openings_[connection.opening].token : 0;
      break;
    case kPendingConnected:
      event.type = ring::kConnected;
      break;
    case kPendingDrained:
      event.type = ring::kDrained;
      break;
    case kPendingFinished:
      event.type = ring::kFinished;
      break;
    case kPendingClosing:
      event.type = ring::kClosing;
      event.auxiliary = static_cast<std::uint64_t>(
                            protocol::close_code(static_cast<protocol::ProtocolError>(connection.protocol_error))) |
                        std::uint64_t{connection.protocol_error} << 16;
      break;
    case kPendingClosed:
      event.type = ring::kClosed;
      event.auxiliary = connection.close_code | std::uint64_t{connection.protocol_error} << 16 |
                        static_cast<std::uint64_t>(connection.error_number) << 32;
      if (connection.peer_began_close) event.flags |= ring::kPeerBegan;
      if (connection.timed_out) event.flags |= ring::kTimedOut;
      break;
  }
  events_.append(event);
  if (fact == kPendingClosed) release_slot(slot);
  return true;
}

/// The region is full: whoever pins most goes, so that the loop never stalls (1013).
void Loop::close_heaviest(std::uint32_t slot) noexcept {
  count(ring::kRegionFull);
  std::uint32_t heaviest = slot;
  std::uint64_t most = 0;
  for (std::uint32_t index = 0; index < connections_.known_count(); ++index) {
    const Connection& connection = connections_[index];
    if (connection.phase == Phase::free || connection.phase == Phase::ended) continue;
    std::uint64_t pinned = connection.buffered;
    if (connection.block != 0) pinned += blocks().size_of(connection.block);
    if (index == long_.slot) pinned += blocks().size_of(long_.block);
    if (connection.held != kNone && held_[connection.held].block != 0)
      pinned += blocks().size_of(held_[connection.held].block);
    if (connection.opening != kNone && openings_[connection.opening].block != 0) {
      pinned += blocks().size_of(openings_[connection.opening].block);
    }
    if (pinned <= most) continue;
    most = pinned;
    heaviest = index;
  }
  Connection& victim = connections_[heaviest];
  victim.close_code = static_cast<std::uint16_t>(CloseCode::try_again_later);
  // A Close frame can only stand between frames; the blocks of a queue would stay pinned until the peer reads. It needs
  // the temporary area, where a frame may lie that is just on its way into another connection's queue.
  const bool idle = gather_.count() == 0 && temporary_.used() == 0;
  if (victim.phase == Phase::open && victim.queue_head == kNone && idle) {
    victim.error_number = ENOMEM;
    victim.input_ended = true;
    drop_held(victim);
    force_close(heaviest);
  } else {
    end(heaviest, ENOMEM, true);
  }
}

}  // namespace millrace::engine
