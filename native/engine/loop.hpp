// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <span>

#include "codec/deflater.hpp"
#include "codec/inflater.hpp"
#include "codec/whole_messages.hpp"
#include "engine/connection.hpp"
#include "engine/gather.hpp"
#include "engine/group.hpp"
#include "loop/timer_wheel.hpp"
#include "memory/bump.hpp"
#include "memory/heap.hpp"
#include "memory/map_array.hpp"
#include "memory/region.hpp"
#include "memory/slab.hpp"
#include "ring/command_reader.hpp"
#include "ring/event_writer.hpp"
#include "ring/records.hpp"
#include "transport/listener.hpp"

namespace millrace::engine {

/// The memory of a loop that outlives it, because Java may still look at it, and the two words that other threads use.
struct LoopMemory {
  memory::Region* region = nullptr;
  std::uint8_t* control = nullptr;
  std::size_t control_length = 0;
  int wake_fd = -1;
  std::atomic<bool> woken{false};  ///< by Java, not by a hand-off: the turn ends
};

/// One loop: connections, and the turn that serves them (docs/rings.md; the shared design calls it the tick).
///
/// A turn:
///   1. execute    Java's commands, chained by connection, each connection flushed by one sendmsg; pongs go along
///   2. settle     delivered blocks are released, handed-back blocks freed, handed-off sockets adopted; arena and
///                 temporary area start again at zero
///   3. gather     facts that wait, connections with held input, then the ready list: one receive each, parse, append
///                 events until ring or arena is full; of several pings all pongs but the last leave at once. Nothing
///                 to tell: wait, and again from 2.
///
/// Invariants: an event's address stays valid until the next turn's settle, because the arena is reset and blocks are
/// freed only there. Only the loop's thread touches anything here but `hand_off`, `load`, `wake` and LoopMemory.
/// A slot is released only when its CLOSED event is written (or nobody waits for one), so a slot and generation that
/// Java holds name one connection for ever.
class Loop {
 public:
  /// 0 or -errno; a loop that failed to open is to be destroyed.
  [[nodiscard]] int open(Group* group, LoopMemory* memory, const ring::LoopOptions& options) noexcept;
  ~Loop();

  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] int tick(std::uint32_t commands, std::int64_t timeout_ns) noexcept;
  [[nodiscard]] int flush(std::uint32_t commands) noexcept;
  [[nodiscard]] std::int64_t acquire(std::int64_t length) noexcept;

  [[nodiscard]] HandOff& hand_off() noexcept { return hand_off_; }
  /// Connections here and on their way here. Any thread.
  [[nodiscard]] std::uint32_t load() const noexcept {
    return connection_count_.load(std::memory_order_relaxed) + hand_off_.waiting();
  }
  void wake() noexcept { os::wake_signal(memory_->wake_fd); }

 private:
  static constexpr std::uint32_t kReadyCapacity = 1024;
  static constexpr std::uint32_t kMaxListeners = 64;
  static constexpr std::uint32_t kAcceptsPerTurn = 64;
  static constexpr std::uint32_t kAcceptsAtEnd = 1 << 16;  ///< the longest queue: who comes meanwhile is not waited for
  static constexpr std::size_t kTemporaryLength = 256 << 10;
  /// Payloads borrowed from a block, where no header fits, are copied behind theirs up to this length: cheaper than one
  /// more piece for the kernel.
  static constexpr std::uint32_t kCopyLimit = 2048;
  /// A client copies received payloads up to this length into the temporary area, longer ones into a block.
  static constexpr std::uint32_t kMaskedCopyLimit = 32 << 10;
  static constexpr std::uint32_t kKeys = 1024;
  static constexpr std::size_t kSetAside = 1 << 20;
  static constexpr std::size_t kFirstBlock = 1024;
  static constexpr std::uint32_t kMaxTimers = 1 << 20;
  /// As many events as one look for room is for.
  static constexpr std::uint32_t kEventsOfAStep = 4;
  static constexpr std::uint32_t kDiscardLimit = 16 << 20;
  static constexpr std::uint32_t kDiscardMask = (1U << 27) - 1;
  static constexpr protocol::Opcode kNoOpcode{0xff};
  /// A deadline this far away is never; the clock can be added to it.
  static constexpr std::int64_t kLongestDelayNs = INT64_MAX / 2;
  static constexpr std::int64_t kNever = INT64_MAX;
  static constexpr std::int64_t kLookAgainNs = 1'000'000;
  static constexpr std::int64_t kAcceptPauseNs = 50'000'000;
  static constexpr std::int64_t kTrimDelayNs = 1'000'000'000;

  /// Longer compressed messages are assembled in a block first.
  static constexpr std::size_t kScratch = 64 << 10;
  /// No more is inflated in a turn, but for the last message of it.
  static constexpr std::size_t kInflatedPerTurn = ring::kArenaLength;

  /// So much of a longer message is looked at in a turn.
  static constexpr std::size_t kSlice = 16 << 10;

  /// A message longer than kScratch that is inflated over several turns; one at a time, others wait.
  struct LongMessage {
    std::uint32_t slot = memory::kNone;
    codec::Inflater* inflater = nullptr;
    std::uint64_t block = 0;  ///< where the text goes
    std::size_t room = 0;
    std::size_t written = 0;
  };

  /// Where the text of a compressed message lies: in the arena, or in a block.
  struct Inflated {
    std::uint64_t offset;
    std::size_t length;
    bool in_block;
  };

  enum TimerKind : std::uint8_t { kConnectionTimer, kJavaTimer, kAcceptTimer, kTrimTimer };

  // ---- loop.cpp: the turn
  void execute(std::uint32_t commands) noexcept;
  void settle() noexcept;
  void tell_areas() noexcept;
  void look_for_late_writes() noexcept;
  void measure_send_area() noexcept;
  void gather_events(std::int64_t timeout_ns) noexcept;
  [[nodiscard]] bool wait(std::int64_t deadline_ns) noexcept;
  void serve_ready() noexcept;
  void serve(const os::Ready& ready) noexcept;
  void serve_connection(std::uint32_t slot, const os::Ready& ready) noexcept;
  void receive_in_phase(std::uint32_t slot) noexcept;
  void expire_timers() noexcept;
  [[nodiscard]] bool event_room(std::uint32_t records) noexcept;
  void deliver_later_free(std::uint64_t offset) noexcept;

  // ---- commands.cpp
  void execute_unchained(const ring::Record& command) noexcept;
  void chain(std::uint32_t index, const ring::Record& command) noexcept;
  void run_chain(std::uint32_t slot) noexcept;
  void run(std::uint32_t slot, const ring::Record& command) noexcept;
  void listen(const ring::Record& command) noexcept;
  void unlisten(std::uint32_t listener) noexcept;
  void set_timer(const ring::Record& command) noexcept;
  void cancel_timer(const ring::Record& command) noexcept;
  void give_up_payload(const ring::Record& command) noexcept;
  void reject(std::uint32_t slot, const ring::Record& command) noexcept;
  void accept_upgrade(std::uint32_t slot, const ring::Record& command) noexcept;
  void respond(std::uint32_t slot, const ring::Record& command) noexcept;
  void send_message(std::uint32_t slot, const ring::Record& command) noexcept;
  void send_staged(std::uint32_t slot, protocol::Opcode opcode, const ring::Record& command) noexcept;
  void send_borrowed(std::uint32_t slot, protocol::Opcode opcode, const ring::Record& command) noexcept;
  [[nodiscard]] bool lies_in_arena(const ring::Record& command) const noexcept;
  void send_owned(std::uint32_t slot, protocol::Opcode opcode, const ring::Record& command) noexcept;
  void send_masked(std::uint32_t slot, protocol::Opcode opcode, const ring::Record& command) noexcept;
  [[nodiscard]] std::uint8_t* staged(const ring::Record& command, std::size_t headroom) noexcept;
  [[nodiscard]] static os::Address address_of(const ring::ListenBody& body, const char* path) noexcept;
  void hold_end(std::uint32_t slot, const ring::Record& command) noexcept;
  void close_by_command(std::uint32_t slot, const ring::Record& command) noexcept;

  // ---- accept.cpp
  void accept_from(std::uint32_t listener) noexcept;
  [[nodiscard]] int accept_one(std::uint32_t listener, bool stays) noexcept;
  void adopt(int fd, const os::Address& peer) noexcept;
  [[nodiscard]] int begin_connection(std::uint32_t* slot) noexcept;

  // ---- opening.cpp: the opening handshake
  void receive_request(std::uint32_t slot) noexcept;
  [[nodiscard]] bool take_proxy_header(std::uint32_t slot, const std::uint8_t** bytes, std::uint32_t* length) noexcept;
  void take_request(std::uint32_t slot, const std::uint8_t* bytes, std::uint32_t length) noexcept;
  [[nodiscard]] bool gather_head(std::uint32_t slot, const std::uint8_t* bytes, std::uint32_t length,
                                 const std::uint8_t** head, std::uint32_t* taken) noexcept;
  void keep_head(std::uint32_t slot, const std::uint8_t* bytes, std::uint32_t length) noexcept;
  [[nodiscard]] std::uint8_t* head_room(std::uint32_t slot, std::uint32_t length) noexcept;
  void announce_request(std::uint32_t slot, const std::uint8_t* head, const protocol::RequestFacts& facts) noexcept;
  void announce_proxied(std::uint32_t slot) noexcept;
  void announce_peer(std::uint32_t slot) noexcept;
  void refuse(std::uint32_t slot, const protocol::Refusal& refusal) noexcept;
  void end_opening(Connection& connection) noexcept;

  // ---- connecting.cpp: the same from the client's side
  void connect(const ring::Record& command) noexcept;
  [[nodiscard]] int start_connecting(std::uint32_t slot, const os::Address& address,
                                     const os::ConnectOptions& options) noexcept;
  void finish_connecting(std::uint32_t slot) noexcept;
  void ask(std::uint32_t slot, const ring::Record& command) noexcept;
  void receive_response(std::uint32_t slot) noexcept;
  void take_response(std::uint32_t slot, const std::uint8_t* bytes, std::uint32_t length) noexcept;
  void announce_response(std::uint32_t slot, const std::uint8_t* head, const protocol::ResponseFacts& facts) noexcept;
  void refuse_response(std::uint32_t slot) noexcept;
  void open_by_command(std::uint32_t slot, const ring::Record& command) noexcept;

  // ---- receive.cpp: frames in
  void receive(std::uint32_t slot) noexcept;
  void parse_held(std::uint32_t slot) noexcept;
  void parse(std::uint32_t slot, std::uint8_t* bytes, std::size_t length) noexcept;
  template <protocol::Role role>
  void take_frames(std::uint32_t slot, std::uint8_t* bytes, std::size_t length) noexcept;
  template <protocol::Role role>
  [[nodiscard]] std::size_t take_frame(std::uint32_t slot, std::uint8_t* at, std::size_t length) noexcept;
  [[nodiscard]] std::size_t take_payload(std::uint32_t slot, const std::uint8_t* at, std::size_t length) noexcept;
  void take_control(std::uint32_t slot, protocol::Opcode opcode, const std::uint8_t* payload,
                    std::size_t length) noexcept;
  void take_close(std::uint32_t slot, const std::uint8_t* payload, std::size_t length) noexcept;
  [[nodiscard]] protocol::ProtocolError judge(const Connection& connection,
                                              const protocol::FrameHeader& header) const noexcept;
  [[nodiscard]] bool begin_data_frame(std::uint32_t slot, const protocol::FrameHeader& header,
                                      std::size_t here) noexcept;
  [[nodiscard]] std::uint64_t set_aside(const Connection& connection, std::uint64_t remaining,
                                        std::size_t here) noexcept;
  [[nodiscard]] bool assemble_room(std::uint32_t slot, std::uint64_t needed) noexcept;
  [[nodiscard]] bool frame_bytes_arrived(std::uint32_t slot, std::uint8_t* bytes, std::size_t length) noexcept;
  void finish_frame(std::uint32_t slot) noexcept;
  void forget_message(Connection& connection) noexcept;
  void keep_rest(std::uint32_t slot, const std::uint8_t* bytes, std::size_t length) noexcept;
  void take_rest(Connection& connection, std::uint8_t* to) noexcept;
  void drop_rest(Connection& connection) noexcept;
  void hold(std::uint32_t slot, const std::uint8_t* bytes, std::size_t length) noexcept;
  void drop_held(Connection& connection) noexcept;
  void await_turn(std::uint32_t slot) noexcept;
  void await_slices(std::uint32_t slot) noexcept;
  void take_turn(std::uint32_t slot) noexcept;
  void link_held(std::uint32_t index) noexcept;
  void unlink_held(std::uint32_t index) noexcept;
  void park_held(const Connection& connection) noexcept;
  void unpark_held(const Connection& connection) noexcept;
  void drop_message(Connection& connection) noexcept;
  void tell_pinned(const Connection& connection) noexcept;
  void discard(std::uint32_t slot) noexcept;
  void protocol_failure(std::uint32_t slot, protocol::ProtocolError error) noexcept;
  /// Inlined by force: each message comes here, and a call would cost it some twenty instructions.
  [[gnu::always_inline]] void message_event(std::uint32_t slot, protocol::Opcode opcode, std::uint64_t offset,
                                            std::uint32_t length, std::uint16_t flags) noexcept {
    if (options_.checked != 0 && (flags & ring::kInBlock) == 0) {
      offset = copy_to_block(slot, offset, length);
      if (offset == 0) return;
      flags |= ring::kInBlock;
    }
    const std::uint32_t generation = connections_[slot].generation;
    const std::uint64_t address = address_of(offset);
    ring::Record& event = events_.append();
    event.type = ring::kMessage;
    event.opcode = static_cast<std::uint8_t>(opcode);
    event.flags = flags;
    event.slot = slot;
    event.address = address;
    event.length = length;
    event.generation = generation;
    event.auxiliary = 0;
    count(ring::kMessagesReceived);
    if (connections_[slot].limited) charge(slot, length);
  }
  [[nodiscard]] std::uint64_t copy_to_block(std::uint32_t slot, std::uint64_t offset, std::uint32_t length) noexcept;
  [[nodiscard]] std::int64_t acquire_for(std::uint32_t slot, std::size_t length) noexcept;

  // ---- deflate.cpp: compression
  [[nodiscard]] int open_deflate(std::uint32_t connections) noexcept;
  void close_deflate() noexcept;
  [[nodiscard]] bool begin_deflate(std::uint32_t slot, std::uint64_t bits) noexcept;
  void end_deflate(std::uint32_t slot) noexcept;
  /// Bits beside the opcode that a frame may have.
  [[nodiscard]] std::uint8_t agreed_bits(std::uint32_t slot) const noexcept {
    return deflations_ != nullptr && deflations_[slot].agreed != 0 ? protocol::kCompressed : std::uint8_t{0};
  }
  [[nodiscard]] Takeover* takeover(std::uint32_t slot) noexcept;
  [[nodiscard]] codec::Inflater* inflater_for(std::uint32_t slot) noexcept;
  [[nodiscard]] codec::Deflater* deflater_for(std::uint32_t slot) noexcept;
  [[nodiscard]] bool take_compressed(std::uint32_t slot, protocol::Opcode opcode, const std::uint8_t* payload,
                                     std::size_t length, std::uint32_t key) noexcept;
  void take_compressed_block(std::uint32_t slot) noexcept;
  /// A long message has come, and is not told yet: nothing behind it is parsed.
  [[nodiscard]] static bool waits_to_inflate(const Connection& connection) noexcept {
    return connection.block != 0 && connection.frame_remaining == 0 && connection.frame_final &&
           protocol::is_compressed(connection.message_opcode);
  }
  [[nodiscard]] bool begin_long(std::uint32_t slot) noexcept;
  [[nodiscard]] bool inflate_slice(std::uint32_t slot) noexcept;
  void drop_long(std::uint32_t slot) noexcept;
  void deliver_inflated(std::uint32_t slot, protocol::Opcode opcode, codec::Inflating result,
                        const Inflated& text) noexcept;
  void inflate_message(std::uint32_t slot, protocol::Opcode opcode, std::uint8_t* payload, std::size_t length,
                       bool behind) noexcept;
  [[nodiscard]] codec::Inflating inflate(std::uint32_t slot, std::uint8_t* payload, std::size_t length, bool behind,
                                         Inflated* text) noexcept;
  [[nodiscard]] codec::Inflating inflate_whole(std::uint32_t slot, std::uint8_t* payload, std::size_t length,
                                               Inflated* text) noexcept;
  [[nodiscard]] codec::Inflating inflate_on(std::uint32_t slot, codec::Inflater* inflater, std::size_t length,
                                            std::span<const std::uint8_t> begun, Inflated* text) noexcept;
  [[nodiscard]] std::size_t inflated_room(std::size_t length) noexcept;
  [[nodiscard]] std::uint64_t fit_block(std::uint64_t block, std::uint64_t offset, std::size_t length) noexcept;
  [[nodiscard]] bool has_inflated_enough() const noexcept { return inflated_turn_ >= kInflatedPerTurn; }
  /// Who compresses waits for the next turn then; nobody else does.
  [[nodiscard]] bool rests_from_inflating(std::uint32_t slot) const noexcept {
    return has_inflated_enough() && agreed_bits(slot) != 0;
  }
  [[nodiscard]] std::uint8_t* scratch() noexcept;
  [[nodiscard]] codec::Deflater* shared_deflater(unsigned window_bits, std::size_t length) noexcept;
  [[nodiscard]] std::size_t compress_alone(unsigned window_bits, const std::uint8_t* payload, std::size_t length,
                                           bool is_private, std::uint8_t* to, std::size_t room) noexcept;
  [[nodiscard]] bool put_compressed(std::uint32_t slot, protocol::Opcode opcode, const std::uint8_t* payload,
                                    const ring::Record& command) noexcept;

  // ---- flow.cpp: credits, quotas, batches
  [[nodiscard]] int open_flow(std::uint32_t connections) noexcept;
  void close_flow() noexcept;
  void begin_quota(std::uint32_t slot) noexcept;
  void limit(std::uint32_t slot) noexcept;
  void give_credit(std::uint32_t slot, const ring::Record& command) noexcept;
  void charge(std::uint32_t slot, std::uint32_t length) noexcept;
  void refill_quota(Quota* quota) const noexcept;
  [[nodiscard]] bool is_over(const Quota& quota) const noexcept;
  void rest_spent() noexcept;
  void look_at_quota(std::uint32_t slot) noexcept;
  void end_limits(Connection& connection) noexcept;
  /// Frames of such a connection may have to wait, whatever room there is.
  [[nodiscard]] bool is_watched(std::uint32_t slot) noexcept {
    return connections_[slot].limited || agreed_bits(slot) != 0;
  }
  [[nodiscard]] bool must_wait(std::uint32_t slot) noexcept {
    return connections_[slot].spent || rests_from_inflating(slot) || waits_to_inflate(connections_[slot]);
  }
  void set_batch(std::uint32_t slot, const ring::Record& command) noexcept;
  void gather_batch(std::uint32_t slot, std::int64_t messages, bool urgent) noexcept;
  void keep_gathered(std::uint32_t slot) noexcept;
  void send_kept(std::uint32_t slot) noexcept;
  void forget_batch(std::uint32_t slot) noexcept;
  void hurry_batch(std::uint32_t slot) noexcept;

  // ---- send.cpp: bytes out
  void put(std::uint32_t slot, std::uint8_t* start, std::size_t length, const Gather::Piece& piece) noexcept;
  void put_frame(std::uint32_t slot, protocol::Opcode opcode, const std::uint8_t* payload, std::size_t length,
                 std::uint64_t token) noexcept;
  void put_header(std::uint32_t slot, protocol::Opcode opcode, std::uint64_t length) noexcept;
  void put_masked_frame(std::uint32_t slot, protocol::Opcode opcode, const std::uint8_t* payload, std::size_t length,
                        std::uint64_t token) noexcept;
  void put_masked_block(std::uint32_t slot, protocol::Opcode opcode, std::uint8_t* payload, std::size_t length,
                        std::uint32_t key, const Gather::Piece& piece) noexcept;
  void put_masked_copy(std::uint32_t slot, protocol::Opcode opcode, const std::uint8_t* payload, std::size_t length,
                       std::uint64_t token) noexcept;
  [[nodiscard]] std::uint32_t next_key() noexcept;
  void reserve_temporary(std::uint32_t slot, std::size_t length) noexcept;
  [[nodiscard]] std::uint8_t* temporary(std::size_t length) noexcept;
  void send_gathered(std::uint32_t slot) noexcept;
  void end_temporary() noexcept;
  void enqueue(std::uint32_t slot, const std::uint8_t* start, std::size_t length, const Gather::Piece& piece) noexcept;
  [[nodiscard]] bool wastes_block(std::uint32_t slot, std::uint64_t address, std::size_t length) noexcept;
  [[nodiscard]] std::size_t pack(std::uint32_t slot, std::uint64_t address, std::span<const std::uint8_t> bytes,
                                 std::uint64_t token) noexcept;
  void enqueue_copy(std::uint32_t slot, std::span<const std::uint8_t> rest, std::uint64_t token) noexcept;
  [[nodiscard]] bool extend_tail(std::uint32_t slot, std::span<const std::uint8_t>* rest, std::uint64_t token) noexcept;
  void append_copy(std::uint32_t slot, memory::Region* region, std::uint64_t block, std::span<const std::uint8_t>* rest,
                   std::uint64_t token) noexcept;
  void append_piece(std::uint32_t slot, const Piece& piece) noexcept;
  void flush_queue(std::uint32_t slot) noexcept;
  void drop_queue(Connection& connection) noexcept;
  void send_failed(std::uint32_t slot, int error_number) noexcept;
  /// A send has failed, and only reading is left. The error is known before the end in no other case.
  [[nodiscard]] static bool cannot_send(const Connection& connection) noexcept {
    return connection.error_number == EPIPE || connection.error_number == ECONNRESET;
  }
  void tell_buffered(std::uint32_t slot) noexcept;
  void queue_changed(std::uint32_t slot) noexcept;
  void queue_pong(std::uint32_t slot, const std::uint8_t* payload, std::size_t length) noexcept;
  void list_pong(std::uint32_t index) noexcept;
  void drop_pong(Connection& connection) noexcept;
  void put_pong(std::uint32_t slot) noexcept;
  [[nodiscard]] bool put_pong_frame(std::uint32_t slot) noexcept;
  void send_pongs() noexcept;
  void complete(std::uint64_t token, bool failed) noexcept;
  void tell_refused(std::uint64_t token, int error_number) noexcept;
  void append_completed(const Piece& fact) noexcept;
  void release_address(std::uint64_t address) noexcept;
  [[nodiscard]] bool is_alone(std::uint64_t address) const noexcept;
  [[nodiscard]] std::uint8_t* bytes_at(std::uint64_t address, std::uint64_t length) noexcept;

  // ---- deadlines.cpp: one timer a connection, for whichever deadline is next
  void set_deadline(std::uint32_t slot, std::int64_t delay_ns) noexcept;
  void clear_deadline(std::uint32_t slot) noexcept;
  void begin_watch(std::uint32_t slot) noexcept;
  void disarm(Connection& connection) noexcept;
  void arm(std::uint32_t slot) noexcept;
  void arm_at(std::uint32_t slot, std::int64_t deadline_ns) noexcept;
  [[nodiscard]] std::int64_t earliest_deadline(std::uint32_t slot) noexcept;
  /// Bytes wait for the kernel.
  [[nodiscard]] static bool is_stuck(const Connection& connection) noexcept {
    return connection.queue_head != memory::kNone && !connection.keeping;
  }
  /// The first phase or the last, by one comparison: each message asks.
  [[nodiscard]] static bool has_ended(const Connection& connection) noexcept {
    constexpr auto kEnded = static_cast<std::uint8_t>(Phase::ended);
    return static_cast<std::uint8_t>(static_cast<std::uint8_t>(connection.phase) - 1U) >= kEnded - 1U;
  }
  [[nodiscard]] static bool is_talking(const Connection& connection) noexcept;
  [[nodiscard]] bool waits_for_quota(const Connection& connection) const noexcept;
  [[nodiscard]] bool is_answer_due(const Connection& connection) const noexcept;
  [[nodiscard]] bool is_silent_too_long(std::uint32_t slot) noexcept;
  [[nodiscard]] bool is_idle_too_long(std::uint32_t slot) noexcept;
  [[nodiscard]] bool is_stuck_too_long(std::uint32_t slot) noexcept;
  void look_at_deadlines(std::uint32_t slot) noexcept;
  [[nodiscard]] bool has_room_to_receive(std::uint32_t slot) noexcept;
  [[nodiscard]] bool receive_before_judging(std::uint32_t slot) noexcept;
  void end_phase(std::uint32_t slot) noexcept;
  void deadline_passed(std::uint32_t slot) noexcept;
  void cut(std::uint32_t slot, protocol::ProtocolError error) noexcept;
  [[nodiscard]] std::int64_t ping_interval(const Connection& connection) const noexcept;
  void ping_in_turn(std::uint32_t slot) noexcept;
  void put_ping(std::uint32_t slot, bool own, std::uint64_t token) noexcept;
  void take_pong(std::uint32_t slot, const std::uint8_t* payload, std::size_t length) noexcept;

  // ---- closing.cpp
  void begin_closing(std::uint32_t slot) noexcept;
  void last_byte_sent(std::uint32_t slot) noexcept;
  void peer_finished(std::uint32_t slot) noexcept;
  void end(std::uint32_t slot, int error_number, bool reset) noexcept;
  void release_slot(std::uint32_t slot) noexcept;
  void force_close(std::uint32_t slot) noexcept;
  void post(std::uint32_t slot, Pending fact) noexcept;
  void write_pending() noexcept;
  [[nodiscard]] bool write_fact(std::uint32_t slot, Pending fact) noexcept;
  void close_heaviest(std::uint32_t slot) noexcept;

  // ---- interest.cpp: what the poller is asked
  [[nodiscard]] bool wants_read(const Connection& connection) const noexcept;
  void update_interest(std::uint32_t slot) noexcept;

  /// Poller data is a connection's generation and slot; the wake descriptor and listeners have slots of their own.
  static constexpr std::uint32_t kWakeSlot = 0xffffffff;
  static constexpr std::uint32_t kListenerSlots = 0xffffff00;
  [[nodiscard]] static constexpr std::uint64_t listener_data(std::uint32_t listener) noexcept {
    return kListenerSlots + listener;
  }

  void count(ring::Counter counter, std::int64_t by = 1) noexcept {
    __atomic_store_n(&counters_[counter], counters_[counter] + by, __ATOMIC_RELAXED);
  }
  void gauge(ring::Counter counter, std::int64_t value) noexcept {
    __atomic_store_n(&counters_[counter], value, __ATOMIC_RELAXED);
  }
  [[nodiscard]] memory::BlockPool& blocks() noexcept { return region_->blocks(); }
  [[nodiscard]] std::uint64_t address_of(std::uint64_t offset) const noexcept {
    return ring::make_address(region_->id(), offset);
  }
  [[nodiscard]] std::uint64_t offset_of(const std::uint8_t* bytes) const noexcept {
    return static_cast<std::uint64_t>(bytes - region_->base());
  }
  [[nodiscard]] std::int64_t low_water() const noexcept { return options_.high_water_bytes / 2; }

  Group* group_ = nullptr;
  LoopMemory* memory_ = nullptr;
  memory::Region* region_ = nullptr;
  ring::LoopOptions options_{};
  protocol::HandshakeLimits handshake_limits_{};
  protocol::Relaxed relaxed_;
  protocol::Role role_ = protocol::Role::server;
  protocol::Opcode checked_text_ = protocol::Opcode::text;  ///< whose payload must be UTF-8; no opcode at all: none
  ring::CommandReader commands_;
  ring::EventWriter events_;
  std::int64_t* counters_ = nullptr;
  std::int64_t* buffered_words_ = nullptr;
  std::int64_t* round_trips_ = nullptr;
  std::int64_t* round_trip_counts_ = nullptr;
  std::int64_t* pinned_words_ = nullptr;

  int poller_ = -1;
  std::int64_t now_ns_ = 0;
  bool writing_events_ = false;  ///< between settle and the return to Java
  bool woken_ = false;
  bool trim_set_ = false;

  memory::Bump arena_;
  memory::Bump temporary_;
  void* temporary_mapping_ = nullptr;
  std::size_t temporary_turn_ = 0;  ///< most bytes of the temporary area in use in this turn
  memory::Usage slabs_;             ///< all of the following together
  memory::Slab<Connection, Connection::kFirstLine> connections_;
  Times* times_ = nullptr;
  std::size_t times_length_ = 0;
  memory::Slab<Opening> openings_;
  memory::Slab<HeldInput> held_;
  memory::Slab<Pong> pongs_;
  memory::Slab<Piece> pieces_;
  Credit* credits_ = nullptr;  ///< by slot, as the next two
  std::size_t credits_length_ = 0;
  Batch* batches_ = nullptr;
  std::size_t batches_length_ = 0;
  Quota* quotas_ = nullptr;  ///< none in a loop that has no quotas
  std::size_t quotas_length_ = 0;
  Deflation* deflations_ = nullptr;  ///< by slot; none in a loop that compresses nothing
  std::size_t deflations_length_ = 0;
  memory::Slab<Takeover> takeovers_;
  memory::Heap heap_;                            ///< what compression needs
  codec::WholeMessages whole_messages_{&heap_};  ///< for messages that stand for themselves
  codec::Deflater shared_deflater_{};            ///< for the same, where libdeflate is not
  codec::Deflater short_deflater_{};             ///< for the same, where they are short
  codec::Inflater shared_inflater_{};            ///< for the same, where they are short
  unsigned shared_window_bits_ = 0;
  std::uint8_t* scratch_ = nullptr;
  codec::Inflater long_inflater_{};  ///< for the same, where they are long
  LongMessage long_;
  bool long_goes_on_ = false;  ///< something of it, or of the one behind it, can be done at once
  std::size_t inflated_turn_ = 0;
  loop::TimerWheel wheel_;
  std::uint32_t* java_timers_ = nullptr;  ///< by token: 1 + id in the wheel
  Gather gather_;

  std::uint8_t* packed_end_ = nullptr;  ///< of the last payload that was delivered from the bytes being parsed

  std::uint64_t held_block_ = 0;  ///< the held input being parsed, 0 for none

  std::uint32_t spent_first_ = memory::kNone;
  std::uint32_t held_first_ = memory::kNone;
  std::uint32_t held_last_ = memory::kNone;
  std::uint32_t held_next_ = memory::kNone;  ///< of the walk over them
  std::uint32_t pong_first_ = memory::kNone;
  std::uint32_t pending_first_ = memory::kNone;
  std::uint32_t pending_last_ = memory::kNone;
  std::uint32_t completed_first_ = memory::kNone;  ///< Pieces whose SENT, or DIALED, is still to be written
  std::uint32_t completed_last_ = memory::kNone;

  std::int64_t chain_sent_before_ = 0;  ///< messages_sent when the chain began, or what it has put since has left
  std::uint32_t touched_count_ = 0;
  std::uint32_t ready_count_ = 0;
  std::uint32_t ready_next_ = 0;
  std::uint32_t delivered_count_ = 0;
  std::uint32_t touched_[ring::kRecords];
  std::uint16_t chain_next_[ring::kRecords];
  std::uint64_t delivered_[ring::kRecords];  ///< blocks of messages that Java is looking at
  os::Ready ready_[kReadyCapacity];
  transport::Listener listeners_[kMaxListeners];
  std::uint32_t listening_count_ = 0;
  ring::Record listening_[kMaxListeners];

  std::uint32_t keys_left_ = 0;
  std::uint32_t keys_[kKeys];  ///< random numbers for masking; a client's

  std::atomic<std::uint32_t> connection_count_{0};
  HandOff hand_off_;
};

}  // namespace millrace::engine
