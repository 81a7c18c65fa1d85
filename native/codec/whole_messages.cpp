// SPDX-License-Identifier: Apache-2.0
#include "codec/whole_messages.hpp"

#include <libdeflate.h>

#include <cstring>
#include <mutex>

namespace millrace::codec {

namespace {

/// libdeflate has one allocator for the whole process, which is not told for whom it works.
std::mutex allocator_lock;
memory::Heap* allocator_heap = nullptr;

void* allocate(std::size_t length) noexcept { return allocator_heap->allocate(length); }
void give_back(void* block) noexcept { allocator_heap->free(block); }

/// Calls `action`, whatever memory it takes or gives back being of `heap`.
template <class Action>
auto with_heap(memory::Heap* heap, Action action) noexcept {
  const std::lock_guard guard(allocator_lock);
  libdeflate_set_memory_allocator(allocate, give_back);
  allocator_heap = heap;
  return action();
}

/// The tail that the sender took off, and an empty block that ends the stream: libdeflate stops at an end only. A
/// stored one, because hardly anything else ends in the same bits.
constexpr std::uint8_t kEnd[WholeMessages::kBehind] = {0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff};

}  // namespace

void WholeMessages::close() noexcept {
  if (compressor_ == nullptr && decompressor_ == nullptr) return;
  with_heap(heap_, [this] {
    libdeflate_free_compressor(compressor_);
    libdeflate_free_decompressor(decompressor_);
  });
  compressor_ = nullptr;
  decompressor_ = nullptr;
}

std::size_t WholeMessages::compress(const std::uint8_t* from, std::size_t length, std::uint8_t* to,
                                    std::size_t room) noexcept {
  if (room < 2) return 0;
  if (compressor_ == nullptr) {
    compressor_ = with_heap(heap_, [this] { return libdeflate_alloc_compressor(level_); });
    if (compressor_ == nullptr) return 0;
  }
  const std::size_t came = libdeflate_deflate_compress(compressor_, from, length, to, room - 1);
  if (came == 0) return 0;
  to[came] = 0;  // an empty block behind the end, without the four bytes that are taken off
  return came + 1;
}

Inflating WholeMessages::inflate(std::uint8_t* payload, std::size_t length, std::uint8_t* to, std::size_t room,
                                 std::size_t* written) noexcept {
  *written = 0;
  if (decompressor_ == nullptr) {
    decompressor_ = with_heap(heap_, [] { return libdeflate_alloc_decompressor(); });
    if (decompressor_ == nullptr) return Inflating::no_memory;
  }
  std::memcpy(payload + length, kEnd, sizeof kEnd);
  std::size_t left = length + sizeof kEnd;
  // A stream with an end may be the whole message, without the byte that the tail belongs to.
  while (left > 0 && (left != sizeof kEnd || length == 0)) {
    std::size_t taken = 0;
    std::size_t came = 0;
    const libdeflate_result result =
        libdeflate_deflate_decompress_ex(decompressor_, payload, left, to + *written, room - *written, &taken, &came);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return Inflating::more;
    if (result != LIBDEFLATE_SUCCESS) return Inflating::malformed;
    *written += came;
    payload += taken;
    left -= taken;
  }
  return Inflating::done;
}

}  // namespace millrace::codec
