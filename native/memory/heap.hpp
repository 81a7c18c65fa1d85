// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "memory/block_pool.hpp"
#include "memory/usage.hpp"

namespace millrace::memory {

/// Memory for code that asks for it as malloc is asked, such as a compression library: blocks by size class in a
/// mapping of its own, which no user buffer reaches. It is mapped when the first block is asked for. In builds with
/// AddressSanitizer malloc takes its place, so that each block has its bounds. One thread.
class Heap {
 public:
  static constexpr std::size_t kBytes = std::size_t{1} << 30;

  explicit Heap(std::size_t limit = kBytes) noexcept : limit_(limit) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  ~Heap() { close(); }

  /// At least `length` bytes, aligned for anything; nullptr at the limit, or when the system has no more.
  [[nodiscard]] void* allocate(std::size_t length) noexcept;
  /// Gives back what `allocate` gave; nullptr is nothing.
  void free(void* block) noexcept;

  /// Touched free pages, which stay until they are trimmed.
  [[nodiscard]] std::size_t kept_bytes() const noexcept { return base_ != nullptr ? blocks_.touched_free_bytes() : 0; }
  /// Gives free pages back to the system until at most `keep_bytes` of them are left.
  void trim(std::size_t keep_bytes) noexcept;
  /// Every block has been given back.
  void close() noexcept;

  [[nodiscard]] const Usage& usage() const noexcept { return usage_; }

 private:
  [[nodiscard]] bool open() noexcept;
  [[nodiscard]] std::uint64_t offset_of(const void* block) const noexcept {
    return static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(block) - base_);
  }

  std::size_t limit_;
  std::uint8_t* base_ = nullptr;
  BlockPool blocks_;
  Usage usage_;
};

}  // namespace millrace::memory
