// SPDX-License-Identifier: Apache-2.0
#include "codec/zlib_memory.hpp"

#include <new>

namespace millrace::codec {

namespace {

void* allocate(void* heap, uInt count, uInt length) noexcept {
  return static_cast<memory::Heap*>(heap)->allocate(std::size_t{count} * length);
}

void give_back(void* heap, void* block) noexcept { static_cast<memory::Heap*>(heap)->free(block); }

}  // namespace

z_stream* make_stream(memory::Heap* heap) noexcept {
  void* const place = heap->allocate(sizeof(z_stream));
  if (place == nullptr) return nullptr;
  auto* const stream = new (place) z_stream{};
  stream->zalloc = allocate;
  stream->zfree = give_back;
  stream->opaque = heap;
  return stream;
}

}  // namespace millrace::codec
