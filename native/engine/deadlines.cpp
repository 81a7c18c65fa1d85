// SPDX-License-Identifier: Apache-2.0
//
// How long a connection may take for what. Each has one timer, which stands at the earliest of its deadlines or before
// it: bytes that move a deadline away store a time and leave the timer alone, and when it fires the times are looked
// at.
#include <algorithm>
#include <cerrno>

#include "engine/loop.hpp"

namespace millrace::engine {

using memory::kNone;
using protocol::Opcode;
using protocol::ProtocolError;

namespace {

constexpr std::size_t kStampLength = sizeof(std::int64_t);

}  // namespace

/// The end of the handshake, or of closing. It does not move, whatever comes.
void Loop::set_deadline(std::uint32_t slot, std::int64_t delay_ns) noexcept {
  times_[slot].due_ns = now_ns_ + delay_ns;
  disarm(connections_[slot]);
  arm(slot);
}

void Loop::clear_deadline(std::uint32_t slot) noexcept {
  times_[slot].due_ns = kNever;
  disarm(connections_[slot]);
}

/// Messages flow from now on.
void Loop::begin_watch(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  connection.active_ns = now_ns_;
  begin_quota(slot);
  times_[slot].due_ns = options_.ping_interval_ns > 0 ? now_ns_ + options_.ping_interval_ns : kNever;
  disarm(connection);
  arm(slot);
}

void Loop::disarm(Connection& connection) noexcept {
  if (connection.timer == loop::TimerWheel::kNoTimer) return;
  wheel_.cancel(connection.timer);
  connection.timer = loop::TimerWheel::kNoTimer;
}

void Loop::arm(std::uint32_t slot) noexcept {
  if (const std::int64_t earliest_ns = earliest_deadline(slot); earliest_ns != kNever) arm_at(slot, earliest_ns);
}

void Loop::arm_at(std::uint32_t slot, std::int64_t deadline_ns) noexcept {
  Connection& connection = connections_[slot];
  if (connection.timer != loop::TimerWheel::kNoTimer && wheel_.is_due_by(connection.timer, deadline_ns)) return;
  disarm(connection);
  connection.timer = wheel_.set(deadline_ns, {slot, connection.generation, kConnectionTimer});
}

std::int64_t Loop::earliest_deadline(std::uint32_t slot) noexcept {
  const Connection& connection = connections_[slot];
  const Times& times = times_[slot];
  std::int64_t earliest_ns = times.due_ns;
  const auto consider = [&earliest_ns](std::int64_t since_ns, std::int64_t limit_ns) {
    if (limit_ns > 0) earliest_ns = std::min(earliest_ns, since_ns + limit_ns);
  };
  if (connection.keeping) earliest_ns = std::min(earliest_ns, batches_[slot].due_ns);
  if (is_stuck(connection)) consider(times.stuck_ns, options_.write_timeout_ns);
  if (waits_for_quota(connection)) earliest_ns = std::min(earliest_ns, quotas_[slot].due_ns);
  if (!is_talking(connection)) return earliest_ns;
  if (wants_read(connection)) consider(connection.active_ns, options_.idle_timeout_ns);
  if (is_answer_due(connection)) consider(times.silent_ns, options_.pong_timeout_ns);
  return earliest_ns;
}

/// Messages may still come.
bool Loop::is_talking(const Connection& connection) noexcept {
  return connection.phase == Phase::open && !connection.input_ended && !connection.eof && !cannot_send(connection);
}

/// Also after a send has failed: a Close may lie behind the messages that wait.
bool Loop::waits_for_quota(const Connection& connection) const noexcept {
  return connection.spent && quotas_ != nullptr && connection.phase == Phase::open && !connection.input_ended;
}

/// A ping has left, and the answer would be read.
bool Loop::is_answer_due(const Connection& connection) const noexcept {
  return connection.pinged && !is_stuck(connection) && wants_read(connection);
}

bool Loop::is_silent_too_long(std::uint32_t slot) noexcept {
  const std::int64_t limit_ns = options_.pong_timeout_ns;
  return limit_ns > 0 && is_answer_due(connections_[slot]) && now_ns_ - times_[slot].silent_ns >= limit_ns;
}

bool Loop::is_idle_too_long(std::uint32_t slot) noexcept {
  const std::int64_t limit_ns = options_.idle_timeout_ns;
  return limit_ns > 0 && wants_read(connections_[slot]) && now_ns_ - connections_[slot].active_ns >= limit_ns;
}

bool Loop::is_stuck_too_long(std::uint32_t slot) noexcept {
  const std::int64_t limit_ns = options_.write_timeout_ns;
  const Connection& connection = connections_[slot];
  if (limit_ns == 0 || has_ended(connection) || !is_stuck(connection)) return false;
  return now_ns_ - times_[slot].stuck_ns >= limit_ns;
}

/// The timer has fired.
void Loop::look_at_deadlines(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  connection.timer = loop::TimerWheel::kNoTimer;
  if (!is_talking(connection) && now_ns_ >= times_[slot].due_ns) {
    end_phase(slot);
    return;
  }
  if (connection.keeping && now_ns_ >= batches_[slot].due_ns) flush_queue(slot);
  if (waits_for_quota(connection)) look_at_quota(slot);
  // Where the loop was held up, the kernel has had room, or bytes, for long.
  if (is_stuck_too_long(slot)) flush_queue(slot);
  if (is_stuck_too_long(slot)) {
    cut(slot, ProtocolError::no_progress);
    return;
  }
  if (is_talking(connection) && (is_silent_too_long(slot) || is_idle_too_long(slot))) {
    if (!receive_before_judging(slot)) return;
    if (is_talking(connection) && is_silent_too_long(slot)) {
      cut(slot, ProtocolError::no_pong);
      return;
    }
    if (is_talking(connection) && is_idle_too_long(slot)) {
      drop_held(connection);
      protocol_failure(slot, ProtocolError::idle);
      return;
    }
  }
  if (is_talking(connection) && now_ns_ >= times_[slot].due_ns) ping_in_turn(slot);
  if (!has_ended(connection)) arm(slot);
}

bool Loop::has_room_to_receive(std::uint32_t slot) noexcept {
  return connections_[slot].held == kNone && arena_.used() < ring::kArenaLength && event_room(kEventsOfAStep) &&
         !rests_from_inflating(slot);
}

/// The handshake, or closing, has had its time. What ends it well may lie in the kernel; where there is no room to look
/// nothing waits for that, because a flood would keep it waiting.
void Loop::end_phase(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (wants_read(connection) && has_room_to_receive(slot)) {
    receive_in_phase(slot);
    if (has_ended(connection)) return;
    if (is_talking(connection) || now_ns_ < times_[slot].due_ns) {
      arm(slot);
      return;
    }
  }
  deadline_passed(slot);
}

/// Takes what lies in the kernel. False when there is no room for it: then this is looked at again.
bool Loop::receive_before_judging(std::uint32_t slot) noexcept {
  if (!has_room_to_receive(slot)) {
    arm_at(slot, now_ns_ + kLookAgainNs);
    return false;
  }
  receive(slot);
  return true;
}

/// The end of the handshake, or of closing.
void Loop::deadline_passed(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  // Who has sent a Close too, and keeps the socket, has said all that we waited for.
  constexpr auto kNoClose = static_cast<std::uint16_t>(protocol::CloseCode::abnormal_closure);
  const bool said_all = connection.phase == Phase::draining && connection.input_ended && connection.error_number == 0 &&
                        connection.protocol_error == 0 && connection.close_code != kNoClose;
  if (!said_all) connection.timed_out = !cannot_send(connection);
  if (connection.phase == Phase::open && connection.input_ended) {
    force_close(slot);
  } else {
    end(slot, 0, connection.phase != Phase::draining);
  }
}

/// Who does not listen is told nothing.
void Loop::cut(std::uint32_t slot, ProtocolError error) noexcept {
  Connection& connection = connections_[slot];
  count(ring::kDeadlinesPassed);
  connection.timed_out = true;
  // A rule that was broken before is the better reason.
  if (connection.protocol_error == 0) {
    connection.protocol_error = static_cast<std::uint8_t>(error);
    connection.close_code = static_cast<std::uint16_t>(protocol::close_code(error));
  }
  end(slot, 0, true);
}

// ---- pings

std::int64_t Loop::ping_interval(const Connection& connection) const noexcept {
  std::int64_t interval_ns = options_.ping_interval_ns;
  for (unsigned doubled = 0; doubled < connection.doublings; ++doubled) interval_ns *= 2;
  return std::min(interval_ns, std::max(options_.ping_interval_ns, options_.max_ping_interval_ns));
}

/// A ping is due. Behind bytes that wait it would measure nothing, while reads rest no answer could come, and one
/// behind which nothing has come stands for it: then this one is left out.
void Loop::ping_in_turn(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  const std::int64_t interval_ns = ping_interval(connection);
  std::int64_t& due_ns = times_[slot].due_ns;
  due_ns += interval_ns * ((now_ns_ - due_ns) / interval_ns + 1);
  if (connection.pinged || is_stuck(connection) || !wants_read(connection)) return;
  if (connection.keeping) flush_queue(slot);
  if (!is_talking(connection) || connection.queue_head != kNone) return;
  count(ring::kPingsSent);
  put_ping(slot, true, 0);
  send_gathered(slot);
}

/// A ping carries the time at which it was sent.
void Loop::put_ping(std::uint32_t slot, bool own, std::uint64_t token) noexcept {
  reserve_temporary(slot, protocol::kMaxFrameHeader + kStampLength);
  const std::int64_t stamp_ns = os::clock_ns();
  std::uint8_t stamp[kStampLength];
  base::store_be64(stamp, static_cast<std::uint64_t>(stamp_ns));
  put_frame(slot, Opcode::ping, stamp, kStampLength, token);
  Connection& connection = connections_[slot];
  if (has_ended(connection)) return;
  times_[slot].ping_ns = stamp_ns;
  connection.own_ping = own;
  if (connection.pinged) return;  // it is the first of several whose answer is waited for
  connection.pinged = true;
  times_[slot].silent_ns = stamp_ns;
  arm(slot);
}

/// A pong that answers no ping, or not the last one, says nothing (RFC 6455 5.5.3).
void Loop::take_pong(std::uint32_t slot, const std::uint8_t* payload, std::size_t length) noexcept {
  Connection& connection = connections_[slot];
  Times& times = times_[slot];
  if (length != kStampLength || times.ping_ns == 0) return;
  if (base::load_be64(payload) != static_cast<std::uint64_t>(times.ping_ns)) return;
  const std::int64_t round_trip_ns = std::max<std::int64_t>(os::clock_ns() - times.ping_ns, 1);
  times.ping_ns = 0;
  __atomic_store_n(&round_trips_[slot], round_trip_ns, __ATOMIC_RELAXED);
  std::int64_t& count = round_trip_counts_[ring::round_trip_bucket(round_trip_ns)];
  __atomic_store_n(&count, count + 1, __ATOMIC_RELAXED);
  if (!connection.own_ping || options_.max_ping_interval_ns <= options_.ping_interval_ns) return;
  const std::int64_t before_ns = ping_interval(connection);
  if (options_.pong_timeout_ns > 0 && round_trip_ns > options_.pong_timeout_ns / 2) {
    connection.doublings = 0;
  } else if (before_ns < options_.max_ping_interval_ns) {
    connection.doublings = (connection.doublings + 1) & 0x1f;
  }
  times.due_ns += ping_interval(connection) - before_ns;
  arm(slot);
}

}  // namespace millrace::engine
