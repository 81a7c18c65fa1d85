// SPDX-License-Identifier: Apache-2.0
#include "windows.hpp"

#include <zlib.h>

#include "ring/records.hpp"
#include "sim/sim.hpp"

namespace millrace::scene {

using sim::check;

struct Windows::Streams {
  z_stream out{};
  z_stream in{};
  bool out_alone = false;
  bool in_alone = false;
};

void Windows::End::operator()(Streams* streams) const {
  deflateEnd(&streams->out);
  inflateEnd(&streams->in);
  delete streams;
}

Windows::Windows(std::uint64_t bits) : streams_(new Streams) {
  // What is outgoing there is incoming here.
  const int out_bits = static_cast<int>(bits >> ring::kDeflateIncomingBits & 15);
  const int in_bits = static_cast<int>(bits >> ring::kDeflateOutgoingBits & 15);
  streams_->out_alone = (bits & ring::kDeflateIncomingAlone) != 0;
  streams_->in_alone = (bits & ring::kDeflateOutgoingAlone) != 0;
  // zlib has no smaller window; it reaches back less than 256 bytes with this one.
  check(deflateInit2(&streams_->out, 1, Z_DEFLATED, out_bits == 8 ? -9 : -out_bits, 1, Z_DEFAULT_STRATEGY) == Z_OK,
        "zlib has memory");
  check(inflateInit2(&streams_->in, -in_bits) == Z_OK, "zlib has memory");
}

std::string Windows::compress(const std::string& fragment, bool final) {
  z_stream& out = streams_->out;
  std::string bytes(fragment.size() + fragment.size() / 4 + 100, '\0');
  out.next_in = reinterpret_cast<const Bytef*>(fragment.data());
  out.avail_in = static_cast<uInt>(fragment.size());
  out.next_out = reinterpret_cast<Bytef*>(bytes.data());
  out.avail_out = static_cast<uInt>(bytes.size());
  if (!fragment.empty()) check(deflate(&out, Z_SYNC_FLUSH) == Z_OK, "zlib compresses");
  bytes.resize(bytes.size() - out.avail_out);
  if (!final) return bytes;
  // Behind a flush zlib says nothing more: an empty block, which the tail completes.
  bytes = bytes.empty() ? std::string(1, '\0') : bytes.substr(0, bytes.size() - 4);
  if (streams_->out_alone) deflateReset(&out);
  return bytes;
}

std::string Windows::inflate(const std::string& payload) {
  z_stream& in = streams_->in;
  if (streams_->in_alone) inflateReset(&in);
  const std::string bytes = payload + std::string("\0\0\xff\xff", 4);
  in.next_in = reinterpret_cast<const Bytef*>(bytes.data());
  in.avail_in = static_cast<uInt>(bytes.size());
  std::string text;
  char room[20'000];
  for (;;) {
    in.next_out = reinterpret_cast<Bytef*>(room);
    in.avail_out = sizeof room;
    const int result = ::inflate(&in, Z_SYNC_FLUSH);
    text.append(room, sizeof room - in.avail_out);
    if (result == Z_STREAM_END) {
      inflateReset(&in);
      continue;
    }
    check(result == Z_OK || result == Z_BUF_ERROR, "a compressed message inflates");
    if (in.avail_out > 0) break;
  }
  check(in.avail_in == 0, "a compressed message is one to its end");
  return text;
}

}  // namespace millrace::scene
