// SPDX-License-Identifier: Apache-2.0
#include "codec/inflater.hpp"

#include <zlib.h>

#include <algorithm>

#include "codec/zlib_memory.hpp"

namespace millrace::codec {

namespace {

/// What zlib says of where it stopped: right behind a block that is not the stream's last, with no bit left over.
constexpr int kBetweenBlocks = 128;

constexpr std::size_t kMostAtOnce = 1 << 30;

}  // namespace

bool Inflater::open(memory::Heap* heap, unsigned window_bits) noexcept {
  z_stream* const stream = make_stream(heap);
  if (stream == nullptr) return false;
  if (inflateInit2(stream, -static_cast<int>(window_bits)) != Z_OK) {
    heap->free(stream);
    return false;
  }
  heap_ = heap;
  stream_ = stream;
  return true;
}

void Inflater::close() noexcept {
  if (stream_ == nullptr) return;
  inflateEnd(stream_);
  heap_->free(stream_);
  stream_ = nullptr;
}

void Inflater::reset() noexcept { inflateReset(stream_); }

void Inflater::begin(const std::uint8_t* payload, std::size_t length) noexcept {
  rest_ = payload;
  rest_length_ = length;
  in_tail_ = false;
  stream_->avail_in = 0;
}

Inflating Inflater::next(std::uint8_t* to, std::size_t room, std::size_t* written, std::size_t input) noexcept {
  *written = 0;
  input_ = input;
  // Without room zlib would not even read what ends a block.
  std::uint8_t beyond = 0;
  for (;;) {
    const std::size_t here = room > 0 ? std::min(room, kMostAtOnce) : 1;
    stream_->next_out = room > 0 ? to : &beyond;
    stream_->avail_out = static_cast<uInt>(here);
    const Inflating result = run();
    if (room == 0) return result == Inflating::done && stream_->avail_out == 0 ? Inflating::more : result;
    const std::size_t came = here - stream_->avail_out;
    *written += came;
    to += came;
    room -= came;
    if (result != Inflating::more || room == 0) return result;
  }
}

/// Inflates until the room that the stream has is full, the message ends, or it should rest.
Inflating Inflater::run() noexcept {
  for (;;) {
    if (stream_->avail_in == 0 && rest_length_ > 0) {
      const std::size_t here = std::min({rest_length_, kMostAtOnce, input_});
      if (here == 0) return Inflating::rests;
      input_ -= here;
      stream_->next_in = rest_;
      stream_->avail_in = static_cast<uInt>(here);
      rest_ += here;
      rest_length_ -= here;
    }
    switch (inflate(stream_, Z_SYNC_FLUSH)) {
      case Z_OK:
      case Z_BUF_ERROR:
        if (stream_->avail_out == 0) return Inflating::more;
        if (stream_->avail_in > 0 || rest_length_ > 0) continue;
        if (in_tail_) return stream_->data_type == kBetweenBlocks ? Inflating::done : Inflating::malformed;
        break;
      case Z_STREAM_END:
        inflateReset(stream_);
        // A stream with an end may be the whole message, without the byte that the tail belongs to.
        if (stream_->avail_in == 0 && rest_length_ == 0) return Inflating::done;
        continue;
      case Z_MEM_ERROR:
        return Inflating::no_memory;
      default:
        return Inflating::malformed;
    }
    in_tail_ = true;
    stream_->next_in = kTail;
    stream_->avail_in = sizeof kTail;
  }
}

}  // namespace millrace::codec
