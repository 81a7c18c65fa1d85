// SPDX-License-Identifier: Apache-2.0
//
// The payload of one compressed message, read in one call by libdeflate, in steps by our stream over zlib, and by plain
// zlib: the same text, or nobody's; but libdeflate lets some faults pass. Then the input as text:
// compressed both ways, with and without the window of the message before, and read again. The first byte chooses
// windows and levels.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "codec/deflater.hpp"
#include "codec/inflater.hpp"
#include "codec/whole_messages.hpp"
#include "fuzz.hpp"

namespace millrace::fuzz {

namespace {

using namespace codec;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMost = 1 << 16;  // a text of this length or longer counts as too long for everybody

/// Kept from input to input: mapping one takes longer than most inputs.
memory::Heap heap;

struct Text {
  Inflating result = Inflating::done;
  Bytes bytes;
  bool lax = false;  ///< malformed in one of the ways that libdeflate lets pass
};

Text whole(WholeMessages* codec, std::span<const std::uint8_t> payload, std::size_t room) {
  Bytes copy(payload.begin(), payload.end());
  copy.resize(payload.size() + WholeMessages::kBehind);
  Text text;
  text.bytes.resize(room);
  std::size_t written = 0;
  text.result = codec->inflate(copy.data(), payload.size(), text.bytes.data(), room, &written);
  text.bytes.resize(written);
  return text;
}

/// In steps of random length.
Text streamed(Inflater* inflater, std::span<const std::uint8_t> payload, Random* random) {
  Text text;
  const Bytes copy(payload.begin(), payload.end());
  inflater->begin(copy.data(), copy.size());
  for (;;) {
    const std::size_t step = 1 + random->below(random->below(4) == 0 ? 4 : 4096);
    const std::size_t before = text.bytes.size();
    text.bytes.resize(before + step);
    std::size_t written = 0;
    text.result = inflater->next(text.bytes.data() + before, step, &written);
    text.bytes.resize(before + written);
    if (text.result != Inflating::more) return text;
    check(written == step, "there is more only when the room is full");
    if (text.bytes.size() >= kMost) return text;
  }
}

/// What zlib says by itself.
Text plain(std::span<const std::uint8_t> payload) {
  Text text;
  Bytes copy(payload.begin(), payload.end());
  copy.insert(copy.end(), kTail, kTail + sizeof kTail);
  z_stream stream{};
  check(inflateInit2(&stream, -15) == Z_OK, "zlib has memory");
  stream.next_in = copy.data();
  stream.avail_in = static_cast<uInt>(copy.size());
  int result = Z_OK;
  while (text.result == Inflating::done && text.bytes.size() < kMost) {
    std::uint8_t room[5000];
    stream.next_out = room;
    stream.avail_out = sizeof room;
    result = inflate(&stream, Z_NO_FLUSH);
    text.bytes.insert(text.bytes.end(), room, room + (sizeof room - stream.avail_out));
    if (result == Z_STREAM_END) {
      inflateReset(&stream);
      if (stream.avail_in == 0 || stream.avail_in == sizeof kTail) break;  // the message may be at its end here
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      text.result = Inflating::malformed;
      // Symbols that DEFLATE reserves (libdeflate takes them for their neighbours), code lengths that are repeated
      // beyond their number, and more codes than there are symbols.
      const std::string_view fault = stream.msg;
      text.lax = fault == "invalid literal/length code" || fault == "invalid distance code" ||
                 fault == "invalid bit length repeat" || fault == "too many length or distance symbols";
    } else if (stream.avail_in == 0 && stream.avail_out > 0) {
      text.lax = stream.data_type != 128;  // the last block has no end
      if (text.lax) text.result = Inflating::malformed;
      break;
    }
  }
  inflateEnd(&stream);
  return text;
}

void inflate_all_ways(std::span<const std::uint8_t> payload, Random* random) {
  {
    const Text judged = plain(payload);
    Inflater inflater{};
    check(inflater.open(&heap, 15), "the heap has room for an inflater");
    const Text steps = streamed(&inflater, payload, random);
    inflater.close();
    WholeMessages codec(&heap, 1);
    const Text at_once = whole(&codec, payload, kMost - 1);
    if (judged.bytes.size() >= kMost) {
      check(steps.bytes.size() >= kMost, "a long text is long in steps too");
      check(at_once.result != Inflating::done, "a long text does not fit at once");
    } else {
      check(steps.result == judged.result, "the result in steps is zlib's");
      check(steps.bytes == judged.bytes, "the text in steps is zlib's");
      if (judged.result == Inflating::done) {
        check(at_once.result == Inflating::done, "what zlib reads is read at once");
        check(at_once.bytes == judged.bytes, "the text at once is zlib's");
      } else if (!judged.lax) {
        check(at_once.result == Inflating::malformed, "a fault is found at once too");
      }
    }
  }
  check(heap.usage().use == 0, "all memory of inflating is given back");
}

void round_trips(std::uint8_t choice, std::span<const std::uint8_t> text, Random* random) {
  {
    const unsigned window_bits = 8 + choice % 8;
    const int level = 1 + choice / 8 % 9;
    Deflater deflater{};
    Inflater inflater{};
    WholeMessages codec(&heap, level);
    const Codes codes = choice % 5 == 0 ? Codes::fixed : Codes::own;
    check(deflater.open(&heap, level, 1 + choice / 16 % 9, window_bits, codes), "the heap has room for a deflater");
    check(inflater.open(&heap, window_bits), "the heap has room for an inflater");
    for (int message = 0; message < 3; ++message) {
      const Bytes copy(text.begin() + static_cast<std::ptrdiff_t>(random->below(text.size() + 1)), text.end());
      Bytes out(Deflater::bound(copy.size()));
      const std::int64_t length = deflater.compress(copy.data(), copy.size(), out.data(), out.size());
      check(length > 0, "the bound is one");
      out.resize(static_cast<std::size_t>(length));
      const Text back = streamed(&inflater, out, random);
      check(back.result == Inflating::done && back.bytes == copy,
            "a message is read again, with the windows before it");

      Bytes room(copy.size() * 2 + 100);
      room.resize(codec.compress(copy.data(), copy.size(), room.data(), room.size()));
      if (!copy.empty()) check(!room.empty(), "a message alone is compressed");
      const Text alone = whole(&codec, room, copy.size());
      check(alone.result == Inflating::done && alone.bytes == copy, "a message alone is read again");
    }
    deflater.close();
    inflater.close();
  }
  check(heap.usage().use == 0, "all memory of round trips is given back");
}

}  // namespace

std::span<const std::string_view> seeds() noexcept {
  using namespace std::literals;
  // The examples of RFC 7692 7.2.3, the empty message, and what is none.
  static constexpr std::string_view all[] = {
      "\x07\xf2\x48\xcd\xc9\xc9\x07\x00"sv,
      "\x18\xf2\x00\x11\x00\x00"sv,
      "\x29\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"sv,
      "\x3a\xf3\x48\xcd\xc9\xc9\x07\x00\x00"sv,
      "\x4b\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"sv,
      "\x5c\x00"sv,
      "\x6d\x01"sv,
      "\x7e\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00"sv,
      "\x8f\x05\xc1\x81\x00\x00\x00\x00\x00\x10\xff\xd5"sv,
      "\x90\x4b\x4c\x1c\x05\xa3\x60\x14\x00"sv,
      "\xff[{\"symbol\":\"AAA\",\"price\":12.5},{\"symbol\":\"AAB\",\"price\":12.5}]"sv,
  };
  return all;
}

}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace millrace::fuzz;
  if (length < 1) return 0;
  const std::span<const std::uint8_t> rest(bytes + 1, length - 1);
  Random random(hash({bytes, length}));
  inflate_all_ways(rest, &random);
  round_trips(bytes[0], rest, &random);
  return 0;
}
