// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.hpp"

#include <cerrno>
#include <mutex>
#include <new>

#include "base/bytes.hpp"
#include "base/poison.hpp"
#include "engine/group.hpp"
#include "engine/loop.hpp"

namespace millrace::engine {

namespace {

constexpr unsigned kMaxLoops = 1024;
constexpr unsigned kMaxGroups = 256;
constexpr std::int32_t kMaxConnections = 1 << 24;
constexpr std::int64_t kMinRegion = 16 << 20;
constexpr std::int32_t kMaxHeaderBytes = 1 << 20;  // each request that comes in pieces takes a block for so many
constexpr std::int64_t kMaxRegion = std::int64_t{1} << 30;

/// A handle is the generation of a place in the table, and the place. The generation changes when the mappings go.
struct Place {
  std::atomic<std::uint16_t> generation{0};
  std::atomic<bool> taken{false};
  Loop* loop = nullptr;
  LoopMemory memory;
};

std::mutex table_lock;
Place places[kMaxLoops];
Group* groups[kMaxGroups];
memory::Region* orphans[kMaxLoops];  // regions whose blocks other loops still send

[[nodiscard]] Place* find(int handle) noexcept {
  const auto index = static_cast<unsigned>(handle) & 0xffff;
  if (handle < 0 || index >= kMaxLoops) return nullptr;
  Place& place = places[index];
  const bool same = place.generation.load(std::memory_order_acquire) == static_cast<unsigned>(handle) >> 16;
  return same && place.taken.load(std::memory_order_acquire) ? &place : nullptr;
}

[[nodiscard]] Loop* find_loop(int handle) noexcept {
  Place* place = find(handle);
  return place != nullptr ? place->loop : nullptr;
}

[[nodiscard]] Group* find_group(std::int64_t group) noexcept {
  return group >= 0 && group < kMaxGroups ? groups[group] : nullptr;
}

[[nodiscard]] bool are_sane(const ring::LoopOptions& options) noexcept {
  const bool region = options.region_bytes >= kMinRegion && options.region_bytes <= kMaxRegion &&
                      options.region_bytes % static_cast<std::int64_t>(memory::kPageBytes) == 0;
  const bool message = options.max_message_bytes >= 0 && options.max_message_bytes <= options.region_bytes / 4;
  const bool deadlines = options.idle_timeout_ns >= 0 && options.ping_interval_ns >= 0 &&
                         options.max_ping_interval_ns >= 0 && options.pong_timeout_ns >= 0 &&
                         options.write_timeout_ns >= 0;
  return region && message && deadlines && options.high_water_bytes >= 2048 && options.handshake_timeout_ns > 0 &&
         options.close_timeout_ns > 0 && options.max_connections > 0 && options.max_connections <= kMaxConnections &&
         options.max_fragments > 0 && options.max_header_bytes > 0 && options.max_header_bytes <= kMaxHeaderBytes &&
         options.max_request_line > 0 && options.relaxed <= protocol::kAllRules && (options.allocator | 1) == 1 &&
         (options.role | 1) == 1 && (options.proxy_protocol | 1) == 1 && options.deflate_level >= 0 &&
         options.deflate_level <= 9 && options.deflate_memory_level >= 0 && options.deflate_memory_level <= 9 &&
         options.deflate_threshold >= 0 && (options.deflate_level == 0 || options.deflate_memory_level > 0) &&
         options.messages_per_second >= 0 && options.bytes_per_second >= 0 && (options.checked | 1) == 1 &&
         options.max_credit_bytes >= 0;
}

void unmap(LoopMemory& memory) noexcept {
  if (memory.region != nullptr) memory::Region::close(memory.region);
  if (memory.control != nullptr) os::unmap_pages(memory.control, memory.control_length);
  if (memory.wake_fd >= 0) os::wake_close(memory.wake_fd);
  memory.region = nullptr;
  memory.control = nullptr;
  memory.wake_fd = -1;
  memory.woken.store(false, std::memory_order_relaxed);
}

[[nodiscard]] int map(const ring::LoopOptions& options, LoopMemory* memory) noexcept {
  const auto bytes = static_cast<std::size_t>(options.region_bytes);
  const auto allocator = static_cast<memory::Allocator>(options.allocator);
  if (const int result = memory::Region::open(bytes, ring::kBlocksOffset, &memory->region, allocator); result < 0) {
    return result;
  }
  if (options.checked != 0) {
    memory::Region* const shared = memory::Region::shared();
    if (shared == nullptr) return -ENOMEM;
    if (const int result = shared->check_locked(); result < 0) return result;
    if (const int result = memory->region->blocks().check(); result < 0) return result;
  }
  const auto connections = static_cast<std::size_t>(options.max_connections);
  const std::size_t end = ring::round_trip_counts_offset(connections) + ring::kRoundTripBuckets * sizeof(std::int64_t);
  memory->control_length = base::align_up(end, os::page_size());
  void* control = nullptr;
  if (const int result = os::map_pages(memory->control_length, os::page_size(), &control); result < 0) return result;
  memory->control = static_cast<std::uint8_t*>(control);
  memory->wake_fd = os::wake_create();
  if (memory->wake_fd < 0) return memory->wake_fd;
  const ring::ControlHeader header{ring::kAbi, static_cast<std::uint32_t>(options.max_connections),
                                   memory->region->id(), bytes};
  base::store(memory->control, header);
  return 0;
}

/// Regions that outlived their loop because another loop was still sending from them.
void sweep_orphans() noexcept {
  for (memory::Region*& orphan : orphans) {
    if (orphan == nullptr) continue;
    orphan->take_back();
    if (orphan->blocks().in_use() != 0) continue;
    memory::Region::close(orphan);
    orphan = nullptr;
  }
}

}  // namespace

int abi() noexcept { return ring::kAbi; }

std::int64_t create_group() noexcept {
  const std::lock_guard guard(table_lock);
  for (unsigned index = 0; index < kMaxGroups; ++index) {
    if (groups[index] != nullptr) continue;
    groups[index] = new (std::nothrow) Group;
    return groups[index] != nullptr ? static_cast<std::int64_t>(index) : -ENOMEM;
  }
  return -EMFILE;
}

int destroy_group(std::int64_t group) noexcept {
  const std::lock_guard guard(table_lock);
  Group* const found = find_group(group);
  if (found == nullptr) return -EBADF;
  if (!found->empty()) return -EBUSY;
  delete found;
  groups[group] = nullptr;
  return 0;
}

int create(std::int64_t group, const ring::LoopOptions& options) noexcept {
  if (!are_sane(options)) return -EINVAL;
  const std::lock_guard guard(table_lock);
  sweep_orphans();
  Group* const found = find_group(group);
  if (found == nullptr) return -EBADF;
  for (unsigned index = 0; index < kMaxLoops; ++index) {
    Place& place = places[index];
    if (place.taken.load(std::memory_order_relaxed)) continue;
    int result = map(options, &place.memory);
    Loop* const loop = result < 0 ? nullptr : new (std::nothrow) Loop;
    if (result >= 0 && loop == nullptr) result = -ENOMEM;
    if (result >= 0) result = loop->open(found, &place.memory, options);
    if (result < 0) {
      delete loop;
      unmap(place.memory);
      return result;
    }
    place.loop = loop;
    const auto generation = static_cast<std::uint16_t>((place.generation.load(std::memory_order_relaxed) + 1) & 0x7fff);
    place.generation.store(generation, std::memory_order_relaxed);
    place.taken.store(true, std::memory_order_release);
    return static_cast<int>(generation) << 16 | static_cast<int>(index);
  }
  return -EMFILE;
}

int destroy(int loop) noexcept {
  Place* const place = find(loop);
  if (place == nullptr || place->loop == nullptr) return -EBADF;
  delete place->loop;
  place->loop = nullptr;
  return 0;
}

int release_mappings(int loop) noexcept {
  const std::lock_guard guard(table_lock);
  Place* const place = find(loop);
  if (place == nullptr) return -EBADF;
  if (place->loop != nullptr) return -EBUSY;
  sweep_orphans();
  memory::Region* const region = place->memory.region;
  region->take_back();
  if (region->blocks().in_use() != 0) {
    for (memory::Region*& orphan : orphans) {
      if (orphan != nullptr) continue;
      orphan = region;
      break;
    }
    place->memory.region = nullptr;
  }
  unmap(place->memory);
  place->taken.store(false, std::memory_order_release);
  return 0;
}

Mapping control(int loop) noexcept {
  const Place* const place = find(loop);
  return place != nullptr ? Mapping{place->memory.control, place->memory.control_length} : Mapping{};
}

Mapping region(int loop) noexcept {
  const Place* const place = find(loop);
  return place != nullptr ? Mapping{place->memory.region->base(), place->memory.region->bytes()} : Mapping{};
}

int region_id(int loop) noexcept {
  const Place* const place = find(loop);
  return place != nullptr ? place->memory.region->id() : -EBADF;
}

Mapping shared_region() noexcept {
  const memory::Region* const region = memory::Region::shared();
  return region != nullptr ? Mapping{region->base(), region->bytes()} : Mapping{};
}

int tick(int loop, std::int32_t commands, std::int64_t timeout_ns) noexcept {
  Loop* const found = find_loop(loop);
  if (found == nullptr) return -EBADF;
  if (commands < 0 || commands > static_cast<std::int32_t>(ring::kRecords)) return -EINVAL;
  return found->tick(static_cast<std::uint32_t>(commands), timeout_ns);
}

int flush(int loop, std::int32_t commands) noexcept {
  Loop* const found = find_loop(loop);
  if (found == nullptr) return -EBADF;
  if (commands < 0 || commands > static_cast<std::int32_t>(ring::kRecords)) return -EINVAL;
  return found->flush(static_cast<std::uint32_t>(commands));
}

int wake(int loop) noexcept {
  Place* const place = find(loop);
  if (place == nullptr) return -EBADF;
  if (place->memory.woken.exchange(true, std::memory_order_acq_rel)) return 0;
  return os::wake_signal(place->memory.wake_fd);
}

std::int64_t acquire(int loop, std::int64_t length) noexcept {
  Loop* const found = find_loop(loop);
  return found != nullptr ? found->acquire(length) : -EBADF;
}

std::int64_t acquire_shared(std::int64_t length) noexcept {
  if (length < 0) return -EINVAL;
  memory::Region* const region = memory::Region::shared();
  // The shared region is number 0: an offset is an address.
  return region != nullptr ? region->acquire_locked(static_cast<std::size_t>(length)) : -ENOMEM;
}

int allow_shared(std::int64_t bytes) noexcept {
  memory::Region* const region = memory::Region::shared();
  if (region == nullptr) return -ENOMEM;
  region->allow(bytes);
  return 0;
}

std::int64_t shared_use() noexcept {
  const memory::Region* const region = memory::Region::find(memory::Region::kShared);
  return region != nullptr ? static_cast<std::int64_t>(region->shared_usage().use) : 0;
}

std::int64_t capacity(std::int64_t address) noexcept {
  const auto at = static_cast<std::uint64_t>(address);
  memory::Region* const region = memory::Region::find(ring::region_of(at));
  if (region == nullptr || !region->blocks().contains(ring::offset_of(at), 0)) return -EINVAL;
  const std::uint64_t offset = ring::offset_of(at);
  const std::uint64_t end = region->blocks().start_of(offset) + region->blocks().size_of(offset);
  return static_cast<std::int64_t>(end - offset);
}

const std::uint8_t* payload(std::int64_t address, std::int64_t length) noexcept {
  const auto at = static_cast<std::uint64_t>(address);
  const memory::Region* const region = memory::Region::find(ring::region_of(at));
  if (region == nullptr || length < 0) return nullptr;
  const std::uint64_t offset = ring::offset_of(at);
  const bool inside = offset <= region->bytes() && static_cast<std::uint64_t>(length) <= region->bytes() - offset;
  return inside ? region->base() + offset : nullptr;
}

int retain(std::int64_t address) noexcept {
  const auto at = static_cast<std::uint64_t>(address);
  memory::Region* const region = memory::Region::find(ring::region_of(at));
  return region != nullptr && region->blocks().retain(ring::offset_of(at)) ? 0 : -EINVAL;
}

int release(std::int64_t address) noexcept {
  const auto at = static_cast<std::uint64_t>(address);
  memory::Region* const region = memory::Region::find(ring::region_of(at));
  return region != nullptr ? region->release(ring::offset_of(at)) : -EINVAL;
}

}  // namespace millrace::engine
