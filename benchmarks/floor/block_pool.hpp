// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace millrace::floor {

/// A message in assembly, or bytes the kernel has not taken yet.
struct Block {
  Block* next;      // in a free list or in a connection's queue
  size_t capacity;  // a power of two
  size_t begin;     // first byte still to be sent
  size_t end;

  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
  [[nodiscard]] size_t length() const { return end - begin; }
};

/// Blocks by power-of-two class, the last one freed first (its pages are warm). Nothing is ever given
/// back: the floor pays for no page twice.
class BlockPool {
 public:
  Block* acquire(size_t capacity) {
    size_t rounded = std::bit_ceil(capacity < kMinCapacity ? kMinCapacity : capacity);
    Block*& list = free_[list_of(rounded)];
    Block* block = list;
    if (block) {
      list = block->next;
    } else {
      block = static_cast<Block*>(malloc(sizeof(Block) + rounded));
      if (!block) abort();
      block->capacity = rounded;
    }
    block->next = nullptr;
    block->begin = block->end = 0;
    return block;
  }

  void release(Block* block) {
    Block*& list = free_[list_of(block->capacity)];
    block->next = list;
    list = block;
  }

 private:
  static constexpr size_t kMinCapacity = 4096;

  static size_t list_of(size_t capacity) { return static_cast<size_t>(std::countr_zero(capacity)); }

  Block* free_[64] = {};
};

}  // namespace millrace::floor
