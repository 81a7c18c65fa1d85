// SPDX-License-Identifier: Apache-2.0
//
// The door of the core: what bindings call, one function per row of the "Calls" table of docs/rings.md. Handles, never
// pointers; every argument is checked. Results: >= 0 is a value, < 0 is -errno.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::ring {
struct LoopOptions;
}

namespace millrace::engine {

/// A run of mapped memory that Java wraps.
struct Mapping {
  void* start = nullptr;
  std::size_t length = 0;
};

[[nodiscard]] int abi() noexcept;

/// The level of simd in use (simd/level.hpp). Any thread.
[[nodiscard]] int simd_level() noexcept;
/// One bit, `1 << level`, for each level that this processor has. Any thread.
[[nodiscard]] int simd_levels() noexcept;
/// Uses that level from now on; -EINVAL for a number that is none, -EOPNOTSUPP for one it lacks. Any thread.
[[nodiscard]] int force_simd(int level) noexcept;

/// A group of loops that share accepted connections. Any thread. -EMFILE when the process has too many.
[[nodiscard]] std::int64_t create_group() noexcept;
/// Any thread, after the group's loops are destroyed.
int destroy_group(std::int64_t group) noexcept;

/// Makes a loop; the calling thread need not be the one that will tick it. Nothing is left behind on failure.
[[nodiscard]] int create(std::int64_t group, const ring::LoopOptions& options) noexcept;
/// Loop thread (or any, before the first tick). Closes every socket and frees what the loop owns but its mappings.
int destroy(int loop) noexcept;
/// Unmaps a destroyed loop's mappings; the handle is dead afterwards.
int release_mappings(int loop) noexcept;

[[nodiscard]] Mapping control(int loop) noexcept;
[[nodiscard]] Mapping region(int loop) noexcept;
[[nodiscard]] int region_id(int loop) noexcept;
[[nodiscard]] Mapping shared_region() noexcept;

/// Loop thread. Returns the number of events written.
[[nodiscard]] int tick(int loop, std::int32_t commands, std::int64_t timeout_ns) noexcept;
/// Loop thread. Executes commands only.
[[nodiscard]] int flush(int loop, std::int32_t commands) noexcept;
/// Any thread.
int wake(int loop) noexcept;

/// Loop thread: a block of the loop's region with one reference; its address or -ENOMEM, -EINVAL.
[[nodiscard]] std::int64_t acquire(int loop, std::int64_t length) noexcept;
/// Any thread: a block of the shared region.
[[nodiscard]] std::int64_t acquire_shared(std::int64_t length) noexcept;
/// Lets so many more bytes of the shared region be in use, or fewer. 0 or -errno.
int allow_shared(std::int64_t bytes) noexcept;
/// Any thread: bytes of the shared region in use.
[[nodiscard]] std::int64_t shared_use() noexcept;
/// Holder of a reference: bytes from `address` to the end of its block.
[[nodiscard]] std::int64_t capacity(std::int64_t address) noexcept;
/// Loop thread, or holder of a reference: `length` bytes of a payload, or null where there are none such.
[[nodiscard]] const std::uint8_t* payload(std::int64_t address, std::int64_t length) noexcept;
int retain(std::int64_t address) noexcept;
int release(std::int64_t address) noexcept;

}  // namespace millrace::engine
