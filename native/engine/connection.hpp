// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/deflater.hpp"
#include "codec/inflater.hpp"
#include "loop/timer_wheel.hpp"
#include "memory/slab.hpp"
#include "os/os.hpp"
#include "protocol/frame.hpp"
#include "protocol/handshake.hpp"
#include "protocol/proxy_header.hpp"
#include "protocol/response.hpp"
#include "simd/utf8.hpp"
#include "transport/stream.hpp"

namespace millrace::engine {

/// Where a connection stands in its life.
///
///     request -> deciding -> open -> closing -> draining -> ended
///         \          \__________________^          ^          ^
///          \___________ refused ________|          |          |
///     any phase, on a broken socket or an abort ______________|
///
/// A client's begins differently, and its FIN waits for the server's (RFC 6455 7.1.1):
///
///     connecting -> connected -> awaiting -> deciding -> open -> ...
///                                    ^__________/
enum class Phase : std::uint8_t {
  free,        ///< the slot is nobody's
  connecting,  ///< the socket is on its way
  connected,   ///< Java may ask; nothing is read
  awaiting,    ///< a request is sent; reading the response head
  request,     ///< reading the request head
  deciding,    ///< Java has the request, or the response; nothing is read
  open,        ///< messages both ways
  closing,     ///< the last bytes (a Close frame or an HTTP response) are queued; nothing may be queued behind them
  draining,    ///< they are sent; what comes is read and discarded until the peer's FIN
  ended        ///< the socket is closed; only the CLOSED event is still to be written
};

/// Facts that wait for a free event record, in the order they are written.
enum Pending : std::uint8_t {
  kPendingDialed = 8,
  kPendingConnected = 16,
  kPendingClosing = 1,
  kPendingDrained = 2,
  kPendingFinished = 32,
  kPendingClosed = 4,
};

/// Everything a connection needs while messages flow, in two cache lines; an idle connection has nothing else.
struct alignas(64) Connection {
  /// What a command for a connection that is gone is judged by lies in the first line, and may be looked at for ever.
  static constexpr std::size_t kFirstLine = 64;

  // ---- first line: receiving
  transport::Stream stream;
  std::uint32_t generation;  ///< survives the slot's release; odd and even mean nothing
  Phase phase;
  protocol::Opcode message_opcode;  ///< of the message being assembled, or continuation for none
  std::uint8_t rest_length;         ///< bytes kept of a frame that cannot be judged yet
  bool frame_final : 1;             ///< the frame being received ends its message
  bool paused : 1;                  ///< by the application
  bool stopped : 1;                 ///< reads rest until the peer takes what is queued for it
  bool input_ended : 1;             ///< a Close frame or a protocol error came: nothing more is parsed
  bool eof : 1;                     ///< the peer's FIN came
  bool websocket : 1;               ///< 101 was queued
  bool announced : 1;               ///< Java waits for CLOSED
  bool discard_frame : 1;           ///< the payload of the frame being received is skipped
  std::uint32_t masking_key;        ///< of the frame being received
  std::uint64_t frame_remaining;    ///< payload bytes of that frame still to come
  std::uint64_t block;              ///< offset of the block that the message is assembled in, 0 for none
  std::uint32_t message_length;     ///< bytes of it so far
  std::uint32_t fragments;          ///< frames of it so far
  simd::Utf8Validator utf8;
  std::uint8_t rest[protocol::kMaxFrameHeader];
  std::uint8_t protocol_error;
  bool peer_began_close : 1;
  bool held_parsed : 1;        ///< messages of held input may be unanswered
  bool takes_no_sends : 1;     ///< the core closes it on its own, or cannot send, and has not told yet
  std::uint8_t doublings : 5;  ///< of the ping interval

  // ---- second line: sending, lists
  std::uint64_t buffered;  ///< bytes queued that the kernel has not taken
  std::uint32_t queue_head;
  std::uint32_t queue_tail;
  std::uint16_t chain_head;  ///< this turn's commands, 1 + their index
  std::uint16_t chain_tail;
  std::uint16_t close_code;  ///< what CLOSED will say
  std::uint8_t pending;      ///< bits of Pending
  bool above_low : 1;        ///< `buffered` has been over the low-water mark since the last DRAINED
  bool on_poller : 1;
  bool armed_read : 1;
  bool armed_write : 1;
  bool timed_out : 1;
  bool pending_listed : 1;
  bool pinged : 1;    ///< a ping was sent, and nothing has come since
  bool own_ping : 1;  ///< the last ping was the engine's, not the application's
  std::int32_t error_number;
  std::uint32_t next_pending;
  loop::TimerWheel::Id timer;    ///< stands at the earliest deadline, or before it
  std::uint32_t opening;         ///< index of its Opening, while there is one
  std::uint32_t held;            ///< index of its HeldInput, while there is one
  std::uint32_t pong;            ///< index of its Pong, while one waits
  std::uint32_t discarded : 27;  ///< bytes thrown away while draining
  bool holds_end : 1;            ///< Java has more to send than is queued: it is told of a FIN, which ends nothing
  bool limited : 1;              ///< messages are charged: it runs on credits, or has a quota
  bool spent : 1;                ///< reads rest, and what has come waits, until there is credit again
  bool batching : 1;             ///< frames are gathered over several turns
  bool keeping : 1;              ///< what is queued waits for its batch, and not for the kernel
  std::uint32_t next_free;
  std::int64_t active_ns;  ///< when data last came or went
};
static_assert(sizeof(Connection) == 128, "two cache lines");
static_assert(offsetof(Connection, buffered) == Connection::kFirstLine);

/// What deadlines are reckoned from, where only the timer of a connection looks; by slot.
struct Times {
  std::int64_t due_ns;     ///< while messages flow, of the next ping; else the handshake's end, or that of closing
  std::int64_t ping_ns;    ///< what the last ping carried, 0 once its pong has come
  std::int64_t silent_ns;  ///< since when an answer to a ping is waited for
  std::int64_t stuck_ns;   ///< since when the kernel has taken nothing of the queue
};

/// What the application still lets come, where only limited connections look; by slot.
struct Credit {
  static constexpr std::int64_t kUncounted = INT64_MIN;

  std::int64_t messages;  ///< kUncounted until some are given, as the bytes
  std::int64_t bytes;     ///< below 0: owed
  std::uint32_t next;     ///< of those that were spent in this turn
  bool listed;            ///< as one of them
  bool spent;             ///< one of the two is
  bool over_quota;        ///< a bucket is empty, and its time has not come

  [[nodiscard]] bool has_none() const noexcept { return messages == 0 || (bytes <= 0 && bytes != kUncounted); }
};

/// Tokens that come with time, a second's worth of them at most.
struct Bucket {
  std::int64_t tokens;    ///< below 0: owed
  std::int64_t fraction;  ///< of the next one, in parts of a second's nanoseconds
};

/// By slot; none in a loop without quotas.
struct Quota {
  Bucket messages;
  Bucket bytes;
  std::int64_t refilled_ns;
  std::int64_t due_ns;  ///< when what was spent is looked at again
};

/// How long frames are gathered, where only batching connections look; by slot.
struct Batch {
  std::uint64_t most_bytes;
  std::int64_t delay_ns;
  std::int64_t due_ns;          ///< when what is kept leaves at the latest; kNever while nothing is
  std::uint64_t kept_bytes;     ///< by earlier turns
  std::uint32_t most_messages;  ///< 2 at least
  std::uint32_t messages;       ///< kept
};

/// What was agreed on about compression, where only compressed messages and sends look; by slot.
struct Deflation {
  std::uint16_t agreed;    ///< ring::kDeflate and the bits behind it; 0 for nothing
  std::uint32_t takeover;  ///< index of its Takeover, from the first message on that needs one
};

/// The windows that live on from message to message.
struct Takeover {
  codec::Inflater inflater;
  codec::Deflater deflater;
  std::uint32_t next_free;
};

/// What the opening handshake needs besides; given back when the request is answered, or the response accepted.
struct Opening {
  std::uint32_t next_free;
  protocol::HandshakeParser parser;
  protocol::ResponseParser response;
  std::uint64_t token;  ///< Java's, for DIALED
  std::uint64_t block;  ///< the head, when it did not arrive whole; 0 for none
  std::uint32_t length;
  char key[24];
  os::Family family;
  std::uint16_t port;
  std::uint8_t ip[16];
  bool proxy_header_due;          ///< whether the bytes in front of the request are still to be known
  protocol::ProxyHeader proxied;  ///< what they said, when they were a PROXY header: its length is not 0
};

/// Bytes that were received and cannot be parsed yet: the event ring was full, or the upgrade is being decided. Without
/// a block it keeps a connection's turn to inflate.
struct HeldInput {
  std::uint32_t next_free;
  std::uint32_t slot;
  std::uint32_t previous;
  std::uint32_t next;
  std::uint64_t block;  ///< 0: what has come lies in the kernel
  std::uint32_t begin;
  std::uint32_t end : 31;
  std::uint32_t parked : 1;  ///< its connection is spent: in no list
};

/// A pong that has not left yet. While it cannot, a later ping replaces its payload (RFC 6455 5.5.3).
struct Pong {
  std::uint32_t next_free;
  std::uint32_t slot;  ///< kNone when the connection is gone
  std::uint32_t next;
  bool listed;
  std::uint8_t length;
  std::uint8_t payload[protocol::kMaxControlPayload];
};

/// A run of outgoing bytes that the socket did not take; it holds one reference to its block.
struct Piece {
  std::uint64_t address;
  std::uint64_t token;   ///< of sendAsync, 0 for none
  std::uint32_t length;  ///< bytes still to send
  std::uint32_t room;    ///< free bytes behind them; only in a block of copies that nobody else sees
  std::uint32_t next;
  std::uint32_t next_free;
};

}  // namespace millrace::engine
