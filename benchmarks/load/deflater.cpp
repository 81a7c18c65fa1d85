// SPDX-License-Identifier: Apache-2.0
#include "deflater.hpp"

#include <zlib.h>

#include "fatal.hpp"

namespace millrace::load {
namespace {

constexpr int kWindowBits = -15;  // negative: raw deflate
constexpr int kMemoryLevel = 8;
constexpr uint8_t kTail[] = {0, 0, 0xff, 0xff};

void give(z_stream& stream, const uint8_t* bytes, size_t length) {
  stream.next_in = const_cast<uint8_t*>(bytes);  // zlib only reads it
  stream.avail_in = static_cast<uInt>(length);
}

void take(z_stream& stream, std::vector<uint8_t>& bytes) {
  stream.next_out = bytes.data();
  stream.avail_out = static_cast<uInt>(bytes.size());
}

}  // namespace

std::vector<uint8_t> deflate_message(const std::vector<uint8_t>& message) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    fatal("zlib: %s", stream.msg ? stream.msg : "no memory");
  }
  // What a flush adds beyond the bound is less than this.
  std::vector<uint8_t> compressed(deflateBound(&stream, message.size()) + 16);
  give(stream, message.data(), message.size());
  take(stream, compressed);
  if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK || stream.avail_in || !stream.avail_out)
    fatal("zlib: message not deflated");
  compressed.resize(compressed.size() - stream.avail_out - sizeof kTail);
  deflateEnd(&stream);
  return compressed;
}

void Inflater::End::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

Inflater::Inflater(bool takeover) : takeover_(takeover), stream_(new z_stream{}) {
  if (inflateInit2(stream_.get(), kWindowBits) != Z_OK) fatal("zlib: no memory");
}

const std::vector<uint8_t>* Inflater::inflate_message(const std::vector<uint8_t>& compressed, size_t limit) {
  if (!takeover_) inflateReset(stream_.get());
  message_.resize(limit + 1);  // one more, so that a longer message is seen
  take(*stream_, message_);
  give(*stream_, compressed.data(), compressed.size());
  for (bool tail = false;;) {
    int status = inflate(stream_.get(), Z_SYNC_FLUSH);
    if (!stream_->avail_out) return nullptr;
    if (status == Z_STREAM_END) {  // a final block: what follows is a new stream (RFC 7692 7.2.3.4)
      inflateReset(stream_.get());
      if (!stream_->avail_in) break;
    } else if ((status != Z_OK && status != Z_BUF_ERROR) || stream_->avail_in) {
      return nullptr;
    } else if (tail) {
      break;
    } else {
      give(*stream_, kTail, sizeof kTail);
      tail = true;
    }
  }
  message_.resize(limit + 1 - stream_->avail_out);
  return &message_;
}

}  // namespace millrace::load
