// SPDX-License-Identifier: Apache-2.0
#include "engine/loop.hpp"

#include <algorithm>
#include <cerrno>

#include "base/bytes.hpp"

namespace millrace::engine {

using memory::kNone;

int Loop::open(Group* group, LoopMemory* memory, const ring::LoopOptions& options) noexcept {
  options_ = options;
  for (std::int64_t* const delay_ns :
       {&options_.handshake_timeout_ns, &options_.close_timeout_ns, &options_.idle_timeout_ns,
        &options_.ping_interval_ns, &options_.max_ping_interval_ns, &options_.pong_timeout_ns,
        &options_.write_timeout_ns}) {
    *delay_ns = std::min(*delay_ns, kLongestDelayNs);
  }
  memory_ = memory;
  region_ = memory->region;
  commands_ = ring::CommandReader(memory->control);
  events_ = ring::EventWriter(memory->control);
  counters_ = reinterpret_cast<std::int64_t*>(memory->control + ring::kCountersOffset);
  static_assert(ring::kBlockClasses == memory::BlockPool::kClasses);
  blocks().report(counters_ + ring::kBlocksByClass);
  buffered_words_ = reinterpret_cast<std::int64_t*>(memory->control + ring::kBufferedOffset);
  const auto slots = static_cast<std::size_t>(options.max_connections);
  round_trips_ = reinterpret_cast<std::int64_t*>(memory->control + ring::round_trips_offset(slots));
  round_trip_counts_ = reinterpret_cast<std::int64_t*>(memory->control + ring::round_trip_counts_offset(slots));
  pinned_words_ = reinterpret_cast<std::int64_t*>(memory->control + ring::pinned_offset(slots));
  arena_ = memory::Bump(region_->base(), ring::kArenaLength + ring::kQuantum);
  handshake_limits_.max_header_bytes = static_cast<std::uint32_t>(options.max_header_bytes);
  handshake_limits_.max_request_line = static_cast<std::uint32_t>(options.max_request_line);
  relaxed_ = handshake_limits_.relaxed = protocol::Relaxed(options.relaxed);
  if (relaxed_.has(protocol::Rule::text_utf8)) checked_text_ = kNoOpcode;
  now_ns_ = os::clock_ns();
  if (options.role == ring::kClient) {
    role_ = protocol::Role::client;
    if (const int result = os::random_bytes(keys_, sizeof keys_); result < 0) return result;
    keys_left_ = kKeys;
  }

  const auto connections = static_cast<std::uint32_t>(options.max_connections);
  int result = os::map_pages(kTemporaryLength, os::page_size(), &temporary_mapping_);
  if (result < 0) return result;
  temporary_ = memory::Bump(static_cast<std::uint8_t*>(temporary_mapping_), kTemporaryLength);
  void* timers = nullptr;
  if (result = os::map_pages(kMaxTimers * sizeof(std::uint32_t), os::page_size(), &timers); result < 0) return result;
  java_timers_ = static_cast<std::uint32_t*>(timers);
  if (result = connections_.open(connections, &slabs_); result < 0) return result;
  if (result = memory::map_array(connections, &times_, &times_length_); result < 0) return result;
  if (result = openings_.open(connections, &slabs_); result < 0) return result;
  if (result = held_.open(connections, &slabs_); result < 0) return result;
  if (result = pongs_.open(connections, &slabs_); result < 0) return result;
  if (result = pieces_.open(1 << 22, &slabs_); result < 0) return result;
  if (result = open_flow(connections); result < 0) return result;
  if (result = open_deflate(connections); result < 0) return result;
  if (result = wheel_.open(kMaxTimers + connections + kMaxListeners + 1, now_ns_); result < 0) return result;
  if (poller_ = os::poller_create(); poller_ < 0) return poller_;
  if (result = os::poller_add(poller_, memory->wake_fd, kWakeSlot, true, false); result < 0) return result;
  if (!group->join(this)) return -EMFILE;
  group_ = group;
  return 0;
}

Loop::~Loop() {
  if (group_ != nullptr) group_->leave(this);
  hand_off_.close();
  writing_events_ = false;
  for (std::uint32_t slot = 0; slot < connections_.known_count(); ++slot) {
    if (connections_[slot].phase != Phase::free && connections_[slot].phase != Phase::ended) end(slot, 0, false);
  }
  for (auto& listener : listeners_) listener.close();
  for (std::uint32_t index = 0; index < delivered_count_; ++index) region_->release_owned(delivered_[index]);
  // Java's views may keep the mapping for long; its free pages need not stay.
  region_->take_back();
  blocks().trim(0);
  // Blocks that other loops still send are freed when the counters may be gone.
  blocks().report(nullptr);
  if (poller_ >= 0) os::poller_close(poller_);
  if (temporary_mapping_ != nullptr) {
    temporary_.release();
    os::unmap_pages(temporary_mapping_, kTemporaryLength);
  }
  if (java_timers_ != nullptr) os::unmap_pages(java_timers_, kMaxTimers * sizeof(std::uint32_t));
  close_deflate();
  close_flow();
  memory::unmap_array(&times_, times_length_);
}

int Loop::tick(std::uint32_t commands, std::int64_t timeout_ns) noexcept {
  now_ns_ = os::clock_ns();
  const std::int64_t deadline_ns = timeout_ns < 0 ? -1 : now_ns_ + std::min(timeout_ns, kLongestDelayNs);
  count(ring::kTicks);
  execute(commands);
  send_pongs();
  events_.reset();
  writing_events_ = true;
  woken_ = false;
  do {
    settle();
    gather_events(deadline_ns);
    if (events_.count() == 0) send_pongs();
  } while (events_.count() == 0 && !woken_ && (deadline_ns < 0 || now_ns_ < deadline_ns));
  writing_events_ = false;
  count(ring::kEventCount, events_.count());
  return static_cast<int>(events_.count());
}

int Loop::flush(std::uint32_t commands) noexcept {
  now_ns_ = os::clock_ns();  // deadlines set by these commands count from now, not from the last wait
  count(ring::kFlushes);
  execute(commands);
  return 0;
}

std::int64_t Loop::acquire(std::int64_t length) noexcept {
  if (length < 0) return -EINVAL;
  region_->take_back();
  const std::int64_t offset = blocks().acquire(static_cast<std::size_t>(length));
  if (offset >= 0) return static_cast<std::int64_t>(address_of(static_cast<std::uint64_t>(offset)));
  count(ring::kRegionFull);
  return offset;
}

void Loop::execute(std::uint32_t commands) noexcept {
  measure_send_area();
  count(ring::kCommandCount, commands);
  touched_count_ = 0;
  for (std::uint32_t index = 0; index < commands; ++index) chain(index, commands_.at(index));
  for (std::uint32_t index = 0; index < touched_count_; ++index) run_chain(touched_[index]);
}

void Loop::settle() noexcept {
  for (std::uint32_t index = 0; index < delivered_count_; ++index) region_->release_owned(delivered_[index]);
  delivered_count_ = 0;
  region_->take_back();
  hand_off_.take_all([this](int fd, const os::Address& peer) { adopt(fd, peer); });
  tell_areas();
  if (options_.checked != 0) look_for_late_writes();
  arena_.reset();
  inflated_turn_ = 0;
  const memory::Region* const shared = memory::Region::find(memory::Region::kShared);
  const bool shared_too = shared != nullptr && shared->keeps_too_much();
  if (!trim_set_ && (shared_too || blocks().touched_free_bytes() > memory::Region::kKeptBytes ||
                     heap_.kept_bytes() > memory::Region::kKeptBytes)) {
    trim_set_ = wheel_.set(now_ns_ + kTrimDelayNs, {0, 0, kTrimTimer}) != loop::TimerWheel::kNoTimer;
  }
}

/// Java alone writes the send area, and says how far.
void Loop::measure_send_area() noexcept {
  const auto used = base::load<std::int64_t>(memory_->control + ring::kSendPositionOffset);
  gauge(ring::kSendAreaUse, used);
  if (used > counters_[ring::kSendAreaHighWater]) gauge(ring::kSendAreaHighWater, used);
}

/// What the areas hold at the end of a turn, before it is given back.
void Loop::tell_areas() noexcept {
  const auto tell = [this](ring::Counter counter, std::size_t value) {
    gauge(counter, static_cast<std::int64_t>(value));
  };
  tell(ring::kArenaUse, arena_.used());
  tell(ring::kArenaHighWater, arena_.high_water());
  gauge(ring::kArenaSpills, counters_[ring::kArenaFull] + static_cast<std::int64_t>(arena_.spills()));
  tell(ring::kBlocksInUse, blocks().in_use());
  tell(ring::kBlockBytesInUse, blocks().usage().use);
  tell(ring::kBlockBytesHighWater, blocks().usage().high_water);
  tell(ring::kBlockSpills, blocks().usage().spills);
  tell(ring::kBlockBytesKept, blocks().touched_free_bytes());
  tell(ring::kSlabUse, slabs_.use);
  tell(ring::kSlabHighWater, slabs_.high_water);
  tell(ring::kSlabSpills, slabs_.spills);
  tell(ring::kTemporaryUse, std::max(temporary_turn_, temporary_.used()));
  tell(ring::kTemporaryHighWater, temporary_.high_water());
  tell(ring::kCompressionUse, heap_.usage().use);
  tell(ring::kCompressionHighWater, heap_.usage().high_water);
  tell(ring::kCompressionSpills, heap_.usage().spills);
  temporary_turn_ = 0;
  const memory::Region* const shared = memory::Region::find(memory::Region::kShared);
  if (shared == nullptr) return;
  const memory::Usage usage = shared->shared_usage();
  tell(ring::kSharedUse, usage.use);
  tell(ring::kSharedHighWater, usage.high_water);
  tell(ring::kSharedSpills, usage.spills);
}

/// In the checked mode: whether somebody has written to a block that was freed. Of the own region or of the shared one,
/// in turn.
void Loop::look_for_late_writes() noexcept {
  memory::Region* const shared = memory::Region::shared();
  const bool own = (counters_[ring::kTicks] & 1) == 0 || shared == nullptr;
  const std::int64_t start = own ? blocks().look_at_resting() : shared->look_at_resting_locked();
  if (start < 0) return;
  const std::uint16_t region = own ? region_->id() : shared->id();
  gauge(ring::kWrittenLate, static_cast<std::int64_t>(ring::make_address(region, static_cast<std::uint64_t>(start))));
  count(ring::kBlocksWrittenLate);
}

void Loop::gather_events(std::int64_t deadline_ns) noexcept {
  if (spent_first_ != kNone) rest_spent();
  write_pending();
  // What is parsed may want memory, and cost another connection what it holds: drop_held keeps the place.
  long_goes_on_ = false;
  for (held_next_ = held_first_; held_next_ != kNone;) {
    const HeldInput& held = held_[held_next_];
    held_next_ = held.next;
    count(ring::kHeldVisits);
    // Others wait for a message that is half inflated: it goes on whatever is read.
    const bool goes_on = wants_read(connections_[held.slot]) || held.slot == long_.slot;
    if (goes_on && event_room(2) && !rests_from_inflating(held.slot)) {
      parse_held(held.slot);
    }
  }
  if (events_.count() == 0 && pong_first_ != kNone)
    send_pongs();  // no reply takes them along, and the wait may be long
  if (ready_next_ == ready_count_ && !wait(deadline_ns)) return;
  serve_ready();
  expire_timers();
}

bool Loop::wait(std::int64_t deadline_ns) noexcept {
  std::int64_t timeout_ns = 0;
  if (events_.count() == 0 && !has_inflated_enough() && !long_goes_on_) {
    timeout_ns = deadline_ns < 0 ? -1 : std::max<std::int64_t>(0, deadline_ns - now_ns_);
    const std::int64_t timer_ns = wheel_.until_next(now_ns_);
    if (timer_ns >= 0) timeout_ns = timeout_ns < 0 ? timer_ns : std::min(timeout_ns, timer_ns);
  }
  const bool may_block = timeout_ns != 0;
  const std::int64_t since_ns = may_block ? os::clock_ns() : 0;
  if (may_block) gauge(ring::kWaitingSinceNs, since_ns);
  const int ready = os::poller_wait(poller_, ready_, kReadyCapacity, timeout_ns);
  now_ns_ = os::clock_ns();
  if (may_block) {
    gauge(ring::kWaitingSinceNs, 0);
    count(ring::kWaitedNs, now_ns_ - since_ns);
  }
  ready_next_ = 0;
  ready_count_ = ready > 0 ? static_cast<std::uint32_t>(ready) : 0;
  return ready >= 0;
}

void Loop::serve_ready() noexcept {
  while (ready_next_ < ready_count_) {
    if (arena_.used() >= ring::kArenaLength) {
      count(ring::kArenaFull);
      return;
    }
    if (!event_room(kEventsOfAStep)) return;
    serve(ready_[ready_next_++]);
  }
}

void Loop::serve(const os::Ready& ready) noexcept {
  const auto slot = static_cast<std::uint32_t>(ready.data);
  if (slot == kWakeSlot) {
    os::wake_drain(memory_->wake_fd);
    count(ring::kWakeups);
    if (memory_->woken.exchange(false, std::memory_order_acq_rel)) woken_ = true;
    return;
  }
  if (slot >= kListenerSlots) {
    accept_from(slot - kListenerSlots);
    return;
  }
  const Connection& connection = connections_[slot];
  // The slot may have a new owner since the poller spoke.
  if (connection.generation != ready.data >> 32 || !connection.on_poller) return;
  serve_connection(slot, ready);
}

void Loop::serve_connection(std::uint32_t slot, const os::Ready& ready) noexcept {
  Connection& connection = connections_[slot];
  if (ready.writable || (ready.hangup && connection.queue_head != kNone)) flush_queue(slot);
  if (connection.phase == Phase::ended || connection.phase == Phase::free) return;
  if (!wants_read(connection)) {
    if (connection.phase == Phase::connecting) {
      finish_connecting(slot);
      return;
    }
    const bool gone = connection.phase == Phase::connected ||
                      (connection.phase == Phase::deciding && role_ == protocol::Role::server);
    if (ready.hangup && gone) {
      end(slot, os::socket_error(connection.stream.fd()), false);  // nobody waits for the answer, or would send one
      return;
    }
    // HUP and ERR cannot be masked: a socket that nobody reads from leaves the poller, and comes back when reading
    // does.
    if (ready.hangup && connection.on_poller && connection.queue_head == kNone) {
      os::poller_remove(poller_, connection.stream.fd());
      connection.on_poller = false;
    }
    return;
  }
  if (ready.readable || ready.hangup) receive_in_phase(slot);
}

/// One receive, for what is expected now.
void Loop::receive_in_phase(std::uint32_t slot) noexcept {
  const Connection& connection = connections_[slot];
  switch (connection.phase) {
    case Phase::request:
      receive_request(slot);
      return;
    case Phase::awaiting:
      receive_response(slot);
      return;
    case Phase::open:
    case Phase::closing:
      receive(slot);
      return;
    case Phase::draining:
      if (connection.websocket && !connection.input_ended) {
        receive(slot);
      } else {
        discard(slot);
      }
      return;
    default:
      return;
  }
}

void Loop::expire_timers() noexcept {
  loop::Timer timer;
  while (event_room(1) && wheel_.take_due(now_ns_, &timer)) {
    switch (timer.kind) {
      case kConnectionTimer:
        if (connections_[timer.owner].generation == timer.generation) look_at_deadlines(timer.owner);
        break;
      case kJavaTimer: {
        java_timers_[timer.owner] = 0;
        ring::Record event{};
        event.type = ring::kTimer;
        event.slot = timer.owner;
        event.generation = timer.generation;
        events_.append(event);
        break;
      }
      case kAcceptTimer:
        if (listeners_[timer.owner].is_open()) {
          (void)os::poller_modify(poller_, listeners_[timer.owner].fd(), listener_data(timer.owner), true, false);
        }
        break;
      case kTrimTimer:
        trim_set_ = false;
        count(ring::kBlockBytesReturned, static_cast<std::int64_t>(blocks().trim(memory::Region::kKeptBytes)));
        heap_.trim(memory::Region::kKeptBytes);
        if (memory::Region* shared = memory::Region::find(memory::Region::kShared);
            shared != nullptr && shared->keeps_too_much()) {
          shared->trim_locked();
        }
        break;
    }
  }
}

bool Loop::event_room(std::uint32_t records) noexcept {
  if (events_.room() >= records && delivered_count_ + 1 < ring::kRecords) return true;
  count(ring::kEventRingFull);
  return false;
}

void Loop::deliver_later_free(std::uint64_t offset) noexcept { delivered_[delivered_count_++] = offset; }

}  // namespace millrace::engine
