// SPDX-License-Identifier: Apache-2.0
#include "codec/deflater.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>

#include "codec/inflater.hpp"
#include "codec/zlib_memory.hpp"

namespace millrace::codec {

namespace {

constexpr std::uint32_t kNarrowWindow = 256;
constexpr std::size_t kMostAtOnce = 1 << 30;

}  // namespace

bool Deflater::open(memory::Heap* heap, int level, int memory_level, unsigned window_bits, Codes codes) noexcept {
  z_stream* const stream = make_stream(heap);
  if (stream == nullptr) return false;
  narrow_ = window_bits == 8;
  const int bits = narrow_ ? 9 : static_cast<int>(window_bits);
  const int strategy = codes == Codes::fixed ? Z_FIXED : Z_DEFAULT_STRATEGY;
  if (deflateInit2(stream, level, Z_DEFLATED, -bits, memory_level, strategy) != Z_OK) {
    heap->free(stream);
    return false;
  }
  heap_ = heap;
  stream_ = stream;
  since_flush_ = 0;
  return true;
}

void Deflater::close() noexcept {
  if (stream_ == nullptr) return;
  deflateEnd(stream_);
  heap_->free(stream_);
  stream_ = nullptr;
}

void Deflater::reset() noexcept {
  deflateReset(stream_);
  since_flush_ = 0;
}

std::int64_t Deflater::compress(const std::uint8_t* from, std::size_t length, std::uint8_t* to,
                                std::size_t room) noexcept {
  if (room == 0) return -ENOSPC;
  if (length == 0) {
    // zlib has nothing to say when nothing came: the byte that begins an empty block (RFC 7692 7.2.3.6).
    *to = 0;
    return 1;
  }
  const std::size_t most = room;
  while (length > 0) {
    const std::size_t here = std::min<std::size_t>(length, narrow_ ? kNarrowWindow - since_flush_ : kMostAtOnce);
    since_flush_ += static_cast<std::uint32_t>(here);
    int flush = here == length ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    if (narrow_ && since_flush_ == kNarrowWindow) {
      flush = Z_FULL_FLUSH;  // nothing behind it refers to what is before it
      since_flush_ = 0;
    }
    const auto room_here = static_cast<uInt>(std::min(room, kMostAtOnce));
    stream_->next_in = from;
    stream_->avail_in = static_cast<uInt>(here);
    stream_->next_out = to;
    stream_->avail_out = room_here;
    if (deflate(stream_, flush) != Z_OK || stream_->avail_in > 0 || stream_->avail_out == 0) return -ENOSPC;
    const std::size_t came = room_here - stream_->avail_out;
    from += here;
    length -= here;
    to += came;
    room -= came;
  }
  return static_cast<std::int64_t>(most - room - sizeof kTail);
}

}  // namespace millrace::codec
