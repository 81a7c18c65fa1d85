// SPDX-License-Identifier: Apache-2.0
//
// Compares each constant of dev.millrace.internal.ring.Records with the core's records when this is compiled: the two
// halves cannot disagree about a layout.
#include "ring/records.hpp"

#include <cstddef>

#include "dev_millrace_internal_ring_Records.h"

namespace {

using namespace millrace;  // NOLINT: a page of comparisons

#define MILLRACE_SAME(java, core)                                                                                  \
  static_assert(static_cast<long long>(dev_millrace_internal_ring_Records_##java) == static_cast<long long>(core), \
                "Records." #java " differs from " #core)

MILLRACE_SAME(ABI, ring::kAbi);

MILLRACE_SAME(RECORD_LENGTH, sizeof(ring::Record));
MILLRACE_SAME(RECORD_COUNT, ring::kRecords);
MILLRACE_SAME(TYPE_OFFSET, offsetof(ring::Record, type));
MILLRACE_SAME(OPCODE_OFFSET, offsetof(ring::Record, opcode));
MILLRACE_SAME(FLAGS_OFFSET, offsetof(ring::Record, flags));
MILLRACE_SAME(SLOT_OFFSET, offsetof(ring::Record, slot));
MILLRACE_SAME(ADDRESS_OFFSET, offsetof(ring::Record, address));
MILLRACE_SAME(LENGTH_OFFSET, offsetof(ring::Record, length));
MILLRACE_SAME(GENERATION_OFFSET, offsetof(ring::Record, generation));
MILLRACE_SAME(AUXILIARY_OFFSET, offsetof(ring::Record, auxiliary));

MILLRACE_SAME(LISTEN, ring::kListen);
MILLRACE_SAME(UNLISTEN, ring::kUnlisten);
MILLRACE_SAME(ACCEPT_UPGRADE, ring::kAcceptUpgrade);
MILLRACE_SAME(RESPOND, ring::kRespond);
MILLRACE_SAME(SEND, ring::kSend);
MILLRACE_SAME(CLOSE, ring::kClose);
MILLRACE_SAME(PAUSE_READS, ring::kPauseReads);
MILLRACE_SAME(RESUME_READS, ring::kResumeReads);
MILLRACE_SAME(RELEASE, ring::kRelease);
MILLRACE_SAME(SET_TIMER, ring::kSetTimer);
MILLRACE_SAME(CANCEL_TIMER, ring::kCancelTimer);
MILLRACE_SAME(CONNECT, ring::kConnect);
MILLRACE_SAME(ASK, ring::kAsk);
MILLRACE_SAME(OPEN, ring::kOpen);
MILLRACE_SAME(CREDIT, ring::kCredit);
MILLRACE_SAME(BATCH, ring::kBatch);
MILLRACE_SAME(HOLD, ring::kHold);
MILLRACE_SAME(FINISH, ring::kFinish);
MILLRACE_SAME(SET_BATCH, ring::kSetBatch);
MILLRACE_SAME(FLUSH_BATCH, ring::kFlushBatch);

MILLRACE_SAME(BODY, ring::kBody);
MILLRACE_SAME(STAGED, ring::kStaged);
MILLRACE_SAME(BORROWED, ring::kBorrowed);
MILLRACE_SAME(OWNED, ring::kOwned);
MILLRACE_SAME(ABORT, ring::kAbort);
MILLRACE_SAME(UNCOMPRESSED, ring::kUncompressed);

MILLRACE_SAME(DEFLATE, ring::kDeflate);
MILLRACE_SAME(DEFLATE_OUTGOING_ALONE, ring::kDeflateOutgoingAlone);
MILLRACE_SAME(DEFLATE_INCOMING_ALONE, ring::kDeflateIncomingAlone);
MILLRACE_SAME(DEFLATE_OUTGOING_BITS, ring::kDeflateOutgoingBits);
MILLRACE_SAME(DEFLATE_INCOMING_BITS, ring::kDeflateIncomingBits);

MILLRACE_SAME(LISTENING, ring::kListening);
MILLRACE_SAME(REQUEST, ring::kRequest);
MILLRACE_SAME(PEER, ring::kPeer);
MILLRACE_SAME(MESSAGE, ring::kMessage);
MILLRACE_SAME(DRAINED, ring::kDrained);
MILLRACE_SAME(CLOSING, ring::kClosing);
MILLRACE_SAME(CLOSED, ring::kClosed);
MILLRACE_SAME(TIMER, ring::kTimer);
MILLRACE_SAME(SENT, ring::kSent);
MILLRACE_SAME(DIALED, ring::kDialed);
MILLRACE_SAME(CONNECTED, ring::kConnected);
MILLRACE_SAME(RESPONSE, ring::kResponse);
MILLRACE_SAME(PROXIED, ring::kProxied);
MILLRACE_SAME(FINISHED, ring::kFinished);

MILLRACE_SAME(FAILED, ring::kFailed);
MILLRACE_SAME(IN_BLOCK, ring::kInBlock);
MILLRACE_SAME(PEER_BEGAN, ring::kPeerBegan);
MILLRACE_SAME(TIMED_OUT, ring::kTimedOut);

MILLRACE_SAME(SEND_POSITION_OFFSET, ring::kSendPositionOffset);
MILLRACE_SAME(BODY_POSITION_OFFSET, ring::kBodyPositionOffset);
MILLRACE_SAME(COUNTERS_OFFSET, ring::kCountersOffset);
MILLRACE_SAME(COMMANDS_OFFSET, ring::kCommandsOffset);
MILLRACE_SAME(EVENTS_OFFSET, ring::kEventsOffset);
MILLRACE_SAME(BODIES_OFFSET, ring::kBodiesOffset);
MILLRACE_SAME(BODIES_LENGTH, ring::kBodiesLength);
MILLRACE_SAME(MAX_CONNECTIONS_OFFSET, ring::kHeaderOffset + offsetof(ring::ControlHeader, max_connections));
MILLRACE_SAME(BUFFERED_OFFSET, ring::kBufferedOffset);
MILLRACE_SAME(BUFFERED_BITS, ring::kBufferedBits);
MILLRACE_SAME(BUFFERED_GENERATION, ring::kBufferedGeneration);

MILLRACE_SAME(SEND_AREA_OFFSET, ring::kSendAreaOffset);
MILLRACE_SAME(SEND_AREA_LENGTH, ring::kSendAreaLength);
MILLRACE_SAME(HEADROOM, ring::kHeadroom);

MILLRACE_SAME(LISTEN_FAMILY_OFFSET, offsetof(ring::ListenBody, family));
MILLRACE_SAME(LISTEN_SHARING_OFFSET, offsetof(ring::ListenBody, sharing));
MILLRACE_SAME(LISTEN_PORT_OFFSET, offsetof(ring::ListenBody, port));
MILLRACE_SAME(LISTEN_BACKLOG_OFFSET, offsetof(ring::ListenBody, backlog));
MILLRACE_SAME(LISTEN_PATH_LENGTH_OFFSET, offsetof(ring::ListenBody, path_length));
MILLRACE_SAME(LISTEN_MODE_OFFSET, offsetof(ring::ListenBody, mode));
MILLRACE_SAME(LISTEN_IP_OFFSET, offsetof(ring::ListenBody, ip));
MILLRACE_SAME(LISTEN_RECEIVE_BUFFER_OFFSET, offsetof(ring::ListenBody, receive_buffer));
MILLRACE_SAME(LISTEN_SEND_BUFFER_OFFSET, offsetof(ring::ListenBody, send_buffer));
MILLRACE_SAME(LISTEN_CONGESTION_OFFSET, offsetof(ring::ListenBody, congestion));
MILLRACE_SAME(LISTEN_BODY_LENGTH, sizeof(ring::ListenBody));
MILLRACE_SAME(CONNECT_TIMEOUT_OFFSET, offsetof(ring::ConnectBody, timeout_ns));
MILLRACE_SAME(CONNECT_BODY_LENGTH, sizeof(ring::ConnectBody));
MILLRACE_SAME(SERVER, ring::kServer);
MILLRACE_SAME(CLIENT, ring::kClient);
MILLRACE_SAME(ALONE, ring::kAlone);
MILLRACE_SAME(FIRST, ring::kFirst);
MILLRACE_SAME(FURTHER, ring::kFurther);

MILLRACE_SAME(OPTION_REGION_BYTES_OFFSET, offsetof(ring::LoopOptions, region_bytes));
MILLRACE_SAME(OPTION_MAX_MESSAGE_BYTES_OFFSET, offsetof(ring::LoopOptions, max_message_bytes));
MILLRACE_SAME(OPTION_HIGH_WATER_BYTES_OFFSET, offsetof(ring::LoopOptions, high_water_bytes));
MILLRACE_SAME(OPTION_HANDSHAKE_TIMEOUT_OFFSET, offsetof(ring::LoopOptions, handshake_timeout_ns));
MILLRACE_SAME(OPTION_CLOSE_TIMEOUT_OFFSET, offsetof(ring::LoopOptions, close_timeout_ns));
MILLRACE_SAME(OPTION_IDLE_TIMEOUT_OFFSET, offsetof(ring::LoopOptions, idle_timeout_ns));
MILLRACE_SAME(OPTION_PING_INTERVAL_OFFSET, offsetof(ring::LoopOptions, ping_interval_ns));
MILLRACE_SAME(OPTION_MAX_PING_INTERVAL_OFFSET, offsetof(ring::LoopOptions, max_ping_interval_ns));
MILLRACE_SAME(OPTION_PONG_TIMEOUT_OFFSET, offsetof(ring::LoopOptions, pong_timeout_ns));
MILLRACE_SAME(OPTION_WRITE_TIMEOUT_OFFSET, offsetof(ring::LoopOptions, write_timeout_ns));
MILLRACE_SAME(OPTION_MAX_CONNECTIONS_OFFSET, offsetof(ring::LoopOptions, max_connections));
MILLRACE_SAME(OPTION_MAX_FRAGMENTS_OFFSET, offsetof(ring::LoopOptions, max_fragments));
MILLRACE_SAME(OPTION_MAX_HEADER_BYTES_OFFSET, offsetof(ring::LoopOptions, max_header_bytes));
MILLRACE_SAME(OPTION_MAX_REQUEST_LINE_OFFSET, offsetof(ring::LoopOptions, max_request_line));
MILLRACE_SAME(OPTION_ALLOCATOR_OFFSET, offsetof(ring::LoopOptions, allocator));
MILLRACE_SAME(OPTION_RELAXED_OFFSET, offsetof(ring::LoopOptions, relaxed));
MILLRACE_SAME(OPTION_ROLE_OFFSET, offsetof(ring::LoopOptions, role));
MILLRACE_SAME(OPTION_PROXY_PROTOCOL_OFFSET, offsetof(ring::LoopOptions, proxy_protocol));
MILLRACE_SAME(OPTION_DEFLATE_LEVEL_OFFSET, offsetof(ring::LoopOptions, deflate_level));
MILLRACE_SAME(OPTION_DEFLATE_MEMORY_LEVEL_OFFSET, offsetof(ring::LoopOptions, deflate_memory_level));
MILLRACE_SAME(OPTION_DEFLATE_THRESHOLD_OFFSET, offsetof(ring::LoopOptions, deflate_threshold));
MILLRACE_SAME(OPTION_MESSAGES_PER_SECOND_OFFSET, offsetof(ring::LoopOptions, messages_per_second));
MILLRACE_SAME(OPTION_BYTES_PER_SECOND_OFFSET, offsetof(ring::LoopOptions, bytes_per_second));
MILLRACE_SAME(OPTION_CHECKED_OFFSET, offsetof(ring::LoopOptions, checked));
MILLRACE_SAME(OPTION_MAX_CREDIT_BYTES_OFFSET, offsetof(ring::LoopOptions, max_credit_bytes));
MILLRACE_SAME(OPTIONS_LENGTH, sizeof(ring::LoopOptions));

MILLRACE_SAME(COUNTER_TICKS, ring::kTicks);
MILLRACE_SAME(COUNTER_COMMANDS, ring::kCommandCount);
MILLRACE_SAME(COUNTER_EVENTS, ring::kEventCount);
MILLRACE_SAME(COUNTER_RECEIVES, ring::kReceives);
MILLRACE_SAME(COUNTER_SENDS, ring::kSends);
MILLRACE_SAME(COUNTER_BYTES_RECEIVED, ring::kBytesReceived);
MILLRACE_SAME(COUNTER_BYTES_SENT, ring::kBytesSent);
MILLRACE_SAME(COUNTER_MESSAGES_RECEIVED, ring::kMessagesReceived);
MILLRACE_SAME(COUNTER_MESSAGES_SENT, ring::kMessagesSent);
MILLRACE_SAME(COUNTER_PAYLOAD_BYTES_COPIED, ring::kPayloadBytesCopied);
MILLRACE_SAME(COUNTER_ACCEPTED, ring::kAccepted);
MILLRACE_SAME(COUNTER_CLOSED, ring::kClosedCount);
MILLRACE_SAME(COUNTER_CONNECTIONS, ring::kConnections);
MILLRACE_SAME(COUNTER_EVENT_RING_FULL, ring::kEventRingFull);
MILLRACE_SAME(COUNTER_FLUSHES, ring::kFlushes);
MILLRACE_SAME(COUNTER_STALE_COMMANDS, ring::kStaleCommands);
MILLRACE_SAME(COUNTER_PROTOCOL_ERRORS, ring::kProtocolErrors);
MILLRACE_SAME(COUNTER_HANDSHAKES_REFUSED, ring::kHandshakesRefused);
MILLRACE_SAME(COUNTER_WAKEUPS, ring::kWakeups);
MILLRACE_SAME(COUNTER_PARTIAL_SENDS, ring::kPartialSends);
MILLRACE_SAME(COUNTER_READS_STOPPED, ring::kReadsStopped);
MILLRACE_SAME(COUNTER_ACCEPT_FAILURES, ring::kAcceptFailures);
MILLRACE_SAME(COUNTER_PONGS_SENT, ring::kPongsSent);
MILLRACE_SAME(COUNTER_REGION_FULL, ring::kRegionFull);
MILLRACE_SAME(COUNTER_BLOCKS_IN_USE, ring::kBlocksInUse);
MILLRACE_SAME(COUNTER_BLOCK_BYTES_KEPT, ring::kBlockBytesKept);
MILLRACE_SAME(COUNTER_BLOCK_BYTES_RETURNED, ring::kBlockBytesReturned);
MILLRACE_SAME(COUNTER_ARENA_USE, ring::kArenaUse);
MILLRACE_SAME(COUNTER_ARENA_HIGH_WATER, ring::kArenaHighWater);
MILLRACE_SAME(COUNTER_ARENA_SPILLS, ring::kArenaSpills);
MILLRACE_SAME(COUNTER_BLOCK_BYTES_IN_USE, ring::kBlockBytesInUse);
MILLRACE_SAME(COUNTER_BLOCK_BYTES_HIGH_WATER, ring::kBlockBytesHighWater);
MILLRACE_SAME(COUNTER_BLOCK_SPILLS, ring::kBlockSpills);
MILLRACE_SAME(COUNTER_SLAB_USE, ring::kSlabUse);
MILLRACE_SAME(COUNTER_SLAB_HIGH_WATER, ring::kSlabHighWater);
MILLRACE_SAME(COUNTER_SLAB_SPILLS, ring::kSlabSpills);
MILLRACE_SAME(COUNTER_TEMPORARY_USE, ring::kTemporaryUse);
MILLRACE_SAME(COUNTER_TEMPORARY_HIGH_WATER, ring::kTemporaryHighWater);
MILLRACE_SAME(COUNTER_TEMPORARY_SPILLS, ring::kTemporarySpills);
MILLRACE_SAME(COUNTER_SEND_AREA_USE, ring::kSendAreaUse);
MILLRACE_SAME(COUNTER_SEND_AREA_HIGH_WATER, ring::kSendAreaHighWater);
MILLRACE_SAME(COUNTER_SHARED_USE, ring::kSharedUse);
MILLRACE_SAME(COUNTER_SHARED_HIGH_WATER, ring::kSharedHighWater);
MILLRACE_SAME(COUNTER_SHARED_SPILLS, ring::kSharedSpills);
MILLRACE_SAME(COUNTER_PINGS_SENT, ring::kPingsSent);
MILLRACE_SAME(COUNTER_DEADLINES_PASSED, ring::kDeadlinesPassed);
MILLRACE_SAME(COUNTER_COMPRESSION_USE, ring::kCompressionUse);
MILLRACE_SAME(COUNTER_COMPRESSION_HIGH_WATER, ring::kCompressionHighWater);
MILLRACE_SAME(COUNTER_COMPRESSION_SPILLS, ring::kCompressionSpills);
MILLRACE_SAME(COUNTER_WAITED_NS, ring::kWaitedNs);
MILLRACE_SAME(COUNTER_MESSAGES_BATCHED, ring::kMessagesBatched);
MILLRACE_SAME(COUNTER_SENDS_SAVED, ring::kSendsSaved);
MILLRACE_SAME(COUNTER_QUOTA_STOPS, ring::kQuotaStops);
MILLRACE_SAME(COUNTER_CREDIT_STOPS, ring::kCreditStops);
MILLRACE_SAME(COUNTER_INBOUND_BYTES_PINNED, ring::kInboundBytesPinned);
MILLRACE_SAME(COUNTER_WAITING_SINCE_NS, ring::kWaitingSinceNs);
MILLRACE_SAME(COUNTER_BLOCKS_WRITTEN_LATE, ring::kBlocksWrittenLate);
MILLRACE_SAME(COUNTER_WRITTEN_LATE, ring::kWrittenLate);
MILLRACE_SAME(COUNTER_BLOCKS_BY_CLASS, ring::kBlocksByClass);
MILLRACE_SAME(BLOCK_CLASSES, ring::kBlockClasses);
MILLRACE_SAME(ROUND_TRIP_BUCKETS, ring::kRoundTripBuckets);

#undef MILLRACE_SAME

}  // namespace
