// SPDX-License-Identifier: Apache-2.0
//
// The records that Java and the core exchange, and the control mapping they lie in. docs/rings.md is the contract;
// bindings static_assert these against the constants of dev.millrace.internal.ring.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace::ring {

/// Compared with the Java half when the library is loaded; changes with every change of a layout.
inline constexpr int kAbi = 6;

///      0       1       2       3       4       5       6       7
///  +-------+-------+---------------+-------------------------------+
///  | type  |opcode |     flags     |             slot              |
///  +-------+-------+---------------+-------------------------------+
///  |                            address                            |
///  +-------------------------------+-------------------------------+
///  |            length             |          generation           |
///  +-------------------------------+-------------------------------+
///  |                           auxiliary                           |
///  +---------------------------------------------------------------+
struct Record {
  std::uint8_t type;
  std::uint8_t opcode;
  std::uint16_t flags;
  std::uint32_t slot;
  std::uint64_t address;
  std::uint32_t length;
  std::uint32_t generation;
  std::uint64_t auxiliary;
};
static_assert(sizeof(Record) == 32);
static_assert(offsetof(Record, slot) == 4 && offsetof(Record, address) == 8 && offsetof(Record, length) == 16);
static_assert(offsetof(Record, generation) == 20 && offsetof(Record, auxiliary) == 24);

enum Command : std::uint8_t {
  kListen = 1,
  kUnlisten = 2,
  kAcceptUpgrade = 3,
  kRespond = 4,
  kSend = 5,
  kClose = 6,
  kPauseReads = 7,
  kResumeReads = 8,
  kRelease = 9,
  kSetTimer = 10,
  kCancelTimer = 11,
  kConnect = 12,
  kAsk = 13,
  kOpen = 14,
  kCredit = 15,
  kBatch = 16,
  kHold = 17,
  kFinish = 18,
};

/// Opcodes of BATCH.
enum BatchAction : std::uint8_t { kSetBatch = 0, kFlushBatch = 1 };

enum CommandFlag : std::uint16_t {
  kBody = 1,
  kStaged = 2,
  kBorrowed = 4,
  kOwned = 8,
  kAbort = 16,
  kUncompressed = 32,
};

/// What was agreed on about compression, in the auxiliary word of ACCEPT_UPGRADE and OPEN. "Outgoing" is what this side
/// compresses, in either role.
inline constexpr std::uint64_t kDeflate = 1;
inline constexpr std::uint64_t kDeflateOutgoingAlone = 2;  ///< each outgoing message by itself (no context takeover)
inline constexpr std::uint64_t kDeflateIncomingAlone = 4;
inline constexpr unsigned kDeflateOutgoingBits = 8;  ///< shift of log2 of the window, 4 bits
inline constexpr unsigned kDeflateIncomingBits = 12;

enum Event : std::uint8_t {
  kListening = 129,
  kRequest = 130,
  kPeer = 131,
  kMessage = 132,
  kDrained = 133,
  kClosing = 134,
  kClosed = 135,
  // 136 was PONG; ids are never used again.
  kTimer = 137,
  kSent = 138,
  kDialed = 139,
  kConnected = 140,
  kResponse = 141,
  kProxied = 142,
  kFinished = 143,
};

enum EventFlag : std::uint16_t { kFailed = 1, kInBlock = 2, kPeerBegan = 4, kTimedOut = 8 };

inline constexpr std::uint32_t kRecords = 4096;

// Offsets in the control mapping.
inline constexpr std::size_t kHeaderOffset = 0;
inline constexpr std::size_t kSendPositionOffset = 64;
inline constexpr std::size_t kBodyPositionOffset = 128;
inline constexpr std::size_t kCountersOffset = 4096;
inline constexpr std::size_t kCommandsOffset = 8192;
inline constexpr std::size_t kEventsOffset = kCommandsOffset + kRecords * sizeof(Record);
inline constexpr std::size_t kBodiesOffset = kEventsOffset + kRecords * sizeof(Record);
inline constexpr std::size_t kBodiesLength = 65536;
inline constexpr std::size_t kBufferedOffset = kBodiesOffset + kBodiesLength;
/// A slot's word: its outgoing bytes, below the lower bits of the generation that they are of. Negative when the
/// connection takes no more, and is about to end.
inline constexpr unsigned kBufferedBits = 48;
inline constexpr std::uint32_t kBufferedGeneration = 0x7fff;
inline constexpr std::int64_t kNoMoreSends = -1;
[[nodiscard]] constexpr std::int64_t buffered_word(std::uint32_t generation, std::uint64_t bytes) noexcept {
  return static_cast<std::int64_t>(std::uint64_t{generation & kBufferedGeneration} << kBufferedBits | bytes);
}
[[nodiscard]] constexpr std::int64_t buffered_bytes(std::int64_t word) noexcept {
  return word < 0 ? 0 : word & ((std::int64_t{1} << kBufferedBits) - 1);
}
/// Three tables of an i64 for each slot: outgoing bytes, behind them round-trip times, and bytes that what has come
/// pins.
[[nodiscard]] constexpr std::size_t round_trips_offset(std::size_t connections) noexcept {
  return kBufferedOffset + connections * sizeof(std::int64_t);
}
[[nodiscard]] constexpr std::size_t pinned_offset(std::size_t connections) noexcept {
  return round_trips_offset(connections) + connections * sizeof(std::int64_t);
}
/// Behind the tables: how many round trips took how long, an i64 for each bucket.
inline constexpr std::size_t kRoundTripBuckets = 4608;
[[nodiscard]] constexpr std::size_t round_trip_counts_offset(std::size_t connections) noexcept {
  return pinned_offset(connections) + connections * sizeof(std::int64_t);
}
/// Where a time is counted: exact below 256 ns, then 128 buckets for each doubling (LatencyRecorder of the
/// Java half has the same). What is longer than 73 minutes counts as that.
[[nodiscard]] constexpr std::size_t round_trip_bucket(std::int64_t ns) noexcept {
  constexpr std::uint64_t kMost = (std::uint64_t{256} << 34) - 1;
  const std::uint64_t value = ns < 0 ? 0 : std::min(static_cast<std::uint64_t>(ns), kMost);
  const auto doublings = static_cast<unsigned>(56 - std::countl_zero(value | 255));
  return ((std::size_t{doublings} + 1) << 7) + static_cast<std::size_t>(value >> doublings) - 128;
}
static_assert(round_trip_bucket(255) == 255 && round_trip_bucket(256) == 256 && round_trip_bucket(257) == 256);
static_assert(round_trip_bucket(std::int64_t{1} << 62) == kRoundTripBuckets - 1);
static_assert(kEventsOffset == 139264 && kBodiesOffset == 270336 && kBufferedOffset == 335872);

// Offsets in a loop's region.
inline constexpr std::size_t kQuantum = 128 << 10;
/// No more is received in a turn, so that it still lies in the second-level cache when it is sent.
inline constexpr std::size_t kArenaLength = 256 << 10;
inline constexpr std::size_t kSendAreaOffset = 768 << 10;
inline constexpr std::size_t kSendAreaLength = 256 << 10;
inline constexpr std::size_t kBlocksOffset = 1 << 20;
static_assert(kArenaLength + kQuantum <= kSendAreaOffset && kSendAreaOffset + kSendAreaLength == kBlocksOffset);

/// Bytes below every staged payload that the core writes the frame header into.
inline constexpr std::size_t kHeadroom = 14;

/// First bytes of the control mapping.
struct ControlHeader {
  std::uint32_t abi;
  std::uint32_t max_connections;
  std::uint64_t region_id;
  std::uint64_t region_bytes;
};
static_assert(sizeof(ControlHeader) == 24);

/// Whether listeners of several loops share a TCP port.
enum ListenSharing : std::uint8_t { kAlone = 0, kFirst = 1, kFurther = 2 };

struct ListenBody {
  std::uint8_t family;
  std::uint8_t sharing;  ///< a ListenSharing
  std::uint16_t port;
  std::uint32_t backlog;
  std::uint32_t path_length;
  std::uint32_t mode;  ///< permission bits of a local socket's file
  std::uint8_t ip[16];
  std::uint32_t receive_buffer;  ///< bytes; 0 leaves it to the system
  std::uint32_t send_buffer;
  char congestion[16];  ///< ended by a zero; empty leaves it to the system
};
static_assert(sizeof(ListenBody) == 56 && offsetof(ListenBody, ip) == 16 && offsetof(ListenBody, congestion) == 40);

/// Where to connect, in the form of where to listen: sharing, backlog and mode are 0.
struct ConnectBody {
  ListenBody to;
  std::int64_t timeout_ns;
};
static_assert(sizeof(ConnectBody) == 64 && offsetof(ConnectBody, timeout_ns) == 56);

/// Which side of its connections a loop is.
enum Role : std::int32_t { kServer = 0, kClient = 1 };

struct LoopOptions {
  std::int64_t region_bytes;
  std::int64_t max_message_bytes;
  std::int64_t high_water_bytes;
  std::int64_t handshake_timeout_ns;
  std::int64_t close_timeout_ns;
  std::int64_t idle_timeout_ns;  ///< this and the four behind it: 0 for none
  std::int64_t ping_interval_ns;
  std::int64_t max_ping_interval_ns;  ///< not above ping_interval_ns: every interval is the same
  std::int64_t pong_timeout_ns;
  std::int64_t write_timeout_ns;
  std::int32_t max_connections;
  std::int32_t max_fragments;
  std::int32_t max_header_bytes;
  std::int32_t max_request_line;
  std::int32_t allocator;             ///< who places blocks: 0 size classes, 1 a general allocator
  std::uint32_t relaxed;              ///< rules that are not enforced, one bit each: protocol::Rules
  std::int32_t role;                  ///< a Role
  std::int32_t proxy_protocol;        ///< 1: what is accepted may begin with a PROXY header
  std::int32_t deflate_level;         ///< 0 compresses nothing
  std::int32_t deflate_memory_level;  ///< as zlib's memLevel
  std::int64_t deflate_threshold;     ///< bytes; shorter messages are sent as they are
  std::int64_t messages_per_second;   ///< taken from one peer; 0 for no quota
  std::int64_t bytes_per_second;      ///< of payload, the same
  std::int32_t checked;               ///< 1: the mode that makes misuse of messages show
  std::int32_t spare;
  std::int64_t max_credit_bytes;  ///< the most that CREDIT lets pile up; 0 for no limit
};
static_assert(sizeof(LoopOptions) == 160 && offsetof(LoopOptions, messages_per_second) == 128);
static_assert(offsetof(LoopOptions, checked) == 144 && offsetof(LoopOptions, max_credit_bytes) == 152);

/// Written by the loop, read by any thread; each is an i64 in the counters page.
enum Counter : std::uint32_t {
  kTicks,
  kCommandCount,
  kEventCount,
  kReceives,
  kSends,
  kBytesReceived,
  kBytesSent,
  kMessagesReceived,
  kMessagesSent,
  kPayloadBytesCopied,
  kAccepted,
  kClosedCount,
  kConnections,
  kEventRingFull,
  kArenaFull,
  kFlushes,
  kCommandsRejected,
  kStaleCommands,
  kProtocolErrors,
  kHandshakesRefused,
  kBlocksInUse,
  kBlockBytesInUse,
  kWakeups,
  kPartialSends,
  kReadsStopped,
  kRegionFull,
  kAcceptFailures,
  kArenaHighWater,
  kPongsSent,
  kArenaUse,
  kArenaSpills,
  kBlockBytesHighWater,
  kBlockSpills,
  kBlockBytesKept,
  kBlockBytesReturned,
  kSlabUse,
  kSlabHighWater,
  kSlabSpills,
  kTemporaryUse,
  kTemporaryHighWater,
  kTemporarySpills,
  kSendAreaUse,
  kSendAreaHighWater,
  kSharedUse,
  kSharedHighWater,
  kSharedSpills,
  kPingsSent,
  kDeadlinesPassed,
  kCompressionUse,
  kCompressionHighWater,
  kCompressionSpills,
  kWaitedNs,
  kMessagesBatched,
  kSendsSaved,
  kQuotaStops,
  kCreditStops,
  kInboundBytesPinned,
  kWaitingSinceNs = 58,
  kHeldVisits,
  kBlocksWrittenLate,
  kWrittenLate,
  kInflatedSlices,
  kCounters,
  kBlocksByClass = 64,  ///< in use, one for each size class from 256 B to 1 GiB; behind them their high-water marks
};
inline constexpr std::uint32_t kBlockClasses = 23;
static_assert(kCounters <= kBlocksByClass);

[[nodiscard]] constexpr std::uint64_t make_address(std::uint16_t region, std::uint64_t offset) noexcept {
  return std::uint64_t{region} << 48 | offset;
}
[[nodiscard]] constexpr std::uint16_t region_of(std::uint64_t address) noexcept {
  return static_cast<std::uint16_t>(address >> 48);
}
[[nodiscard]] constexpr std::uint64_t offset_of(std::uint64_t address) noexcept {
  return address & ((std::uint64_t{1} << 48) - 1);
}

}  // namespace millrace::ring
