// SPDX-License-Identifier: Apache-2.0
#include "simd/utf8.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace {

using millrace::simd::Utf8Validator;
using Bytes = std::vector<std::uint8_t>;

Bytes encode(std::uint32_t code_point) {
  const auto byte = [](std::uint32_t value) { return static_cast<std::uint8_t>(value); };
  if (code_point < 0x80) return {byte(code_point)};
  if (code_point < 0x800) return {byte(0xC0 | code_point >> 6), byte(0x80 | (code_point & 63))};
  if (code_point < 0x10000) {
    return {byte(0xE0 | code_point >> 12), byte(0x80 | (code_point >> 6 & 63)), byte(0x80 | (code_point & 63))};
  }
  return {byte(0xF0 | code_point >> 18), byte(0x80 | (code_point >> 12 & 63)), byte(0x80 | (code_point >> 6 & 63)),
          byte(0x80 | (code_point & 63))};
}

enum class Verdict : std::uint8_t { refused, unfinished, complete };

/// The reference knows nothing but the encoder: it writes down every code point's encoding and every beginning of one.
class Reference {
 public:
  Reference() {
    for (std::uint32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
      if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
      const Bytes bytes = encode(code_point);
      std::uint32_t value = 0;
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        value = value << 8 | bytes[i];
        if (i + 1 < bytes.size()) {
          begun(i + 1, value) = true;
        } else if (i + 1 < 4) {
          whole(i + 1, value) = true;
        } else {
          four_.at(value - kFirstFour) = true;
        }
      }
    }
  }

  /// What one sequence of 1 to 4 bytes is.
  [[nodiscard]] Verdict judge(const std::uint8_t* bytes, std::size_t length) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < length; ++i) value = value << 8 | bytes[i];
    if (length == 4) {
      const bool known = value >= kFirstFour && value <= kLastFour && four_[value - kFirstFour];
      return known ? Verdict::complete : Verdict::refused;
    }
    if (whole_[length - 1][value]) return Verdict::complete;
    return begun_[length - 1][value] ? Verdict::unfinished : Verdict::refused;
  }

  struct Text {
    std::size_t fault;  ///< index of the first byte that cannot stand there; the length when there is none
    bool complete;
  };
  [[nodiscard]] Text judge_text(const Bytes& text) const {
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const Verdict verdict = judge(text.data() + start, i + 1 - start);
      if (verdict == Verdict::refused) return {i, false};
      if (verdict == Verdict::complete) start = i + 1;
    }
    return {text.size(), start == text.size()};
  }

 private:
  static constexpr std::uint32_t kFirstFour = 0xF0908080;
  static constexpr std::uint32_t kLastFour = 0xF48FBFBF;
  std::vector<bool>::reference begun(std::size_t length, std::uint32_t value) { return begun_[length - 1][value]; }
  std::vector<bool>::reference whole(std::size_t length, std::uint32_t value) { return whole_[length - 1][value]; }

  std::vector<bool> begun_[3] = {std::vector<bool>(1 << 8), std::vector<bool>(1 << 16), std::vector<bool>(1 << 24)};
  std::vector<bool> whole_[3] = {std::vector<bool>(1 << 8), std::vector<bool>(1 << 16), std::vector<bool>(1 << 24)};
  std::vector<bool> four_ = std::vector<bool>(kLastFour - kFirstFour + 1);
};

const Reference& reference() {
  static const Reference instance;
  return instance;
}

std::string hex(const std::uint8_t* bytes, std::size_t length) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < length; ++i) out += {kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15], ' '};
  return out;
}

/// Feeds the text in the given pieces; says at which piece it was refused.
struct Fed {
  std::size_t refused_at;  ///< index of the piece, or the count of pieces
  bool complete;
};
Fed feed(const Bytes& text, const std::vector<std::size_t>& cuts) {
  Utf8Validator validator;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : text.size();
    // A copy of exactly this piece: a sanitizer sees every byte read beyond it.
    const Bytes piece(text.begin() + static_cast<std::ptrdiff_t>(start),
                      text.begin() + static_cast<std::ptrdiff_t>(end));
    if (!validator.append(piece.data(), piece.size())) return {i, false};
    start = end;
  }
  return {cuts.size() + 1, validator.complete()};
}

/// The sequence inside a text that is long enough for vectors: behind `before` bytes of ASCII, before `after`.
bool agrees_inside(const std::uint8_t* bytes, std::size_t length, std::size_t before, std::size_t after, bool accepted,
                   bool complete) {
  static Bytes text(128, 'a');
  std::copy_n(bytes, length, text.data() + before);
  Utf8Validator validator;
  const bool taken = validator.append(text.data(), before + length + after);
  std::fill_n(text.data() + before, length, 'a');
  if (after > 0) return taken == complete;
  return taken == accepted && (!accepted || validator.complete() == complete);
}

/// Feeds one short sequence byte by byte, whole, and inside longer texts; all must agree with the reference.
bool agrees(const std::uint8_t* bytes, std::size_t length) {
  const Reference& judge = reference();
  Verdict expected = Verdict::complete;
  std::size_t start = 0;
  std::size_t fault = length;
  for (std::size_t i = 0; i < length && fault == length; ++i) {
    expected = judge.judge(bytes + start, i + 1 - start);
    if (expected == Verdict::refused) fault = i;
    if (expected == Verdict::complete) start = i + 1;
  }
  Utf8Validator bytewise;
  for (std::size_t i = 0; i < length; ++i) {
    if (bytewise.append(bytes + i, 1) != (i < fault)) return false;
    if (i == fault) break;
  }
  Utf8Validator whole;
  const bool accepted = fault == length;
  const bool complete = accepted && expected == Verdict::complete;
  // Across the vectors of 16, 32 and 64 bytes, in the first of them, in the last, and unfinished at the end.
  if (!agrees_inside(bytes, length, 62, 40, accepted, complete)) return false;
  if (!agrees_inside(bytes, length, 30, 2, accepted, complete)) return false;
  if (!agrees_inside(bytes, length, 77, 0, accepted, complete)) return false;
  if (whole.append(bytes, length) != accepted) return false;
  if (!accepted) return true;
  return bytewise.complete() == complete && whole.complete() == complete;
}

TEST_CASE("RFC 3629: every sequence of one, two and three bytes") {
  std::string failure;
  for (std::uint32_t value = 0; value < 1u << 24 && failure.empty(); ++value) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 8),
                                  static_cast<std::uint8_t>(value)};
    // Behind an ASCII byte the other two stand as they do alone.
    if (bytes[0] >= 0x80 && !agrees(bytes, 3)) failure = hex(bytes, 3);
    if (value < 1u << 16 && !agrees(bytes + 1, 2)) failure = hex(bytes + 1, 2);
    if (value < 1u << 8 && !agrees(bytes + 2, 1)) failure = hex(bytes + 2, 1);
  }
  CHECK(failure == "");
}

TEST_CASE("RFC 3629: four bytes, every beginning of two, the others at every edge of a range") {
  constexpr std::uint8_t kEdges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                     0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xF4, 0xFF};
  std::string failure;
  // From C0 on: anything lower ends at once, and what follows it is a shorter sequence.
  for (std::uint32_t value = 0xC000; value < 1u << 16 && failure.empty(); ++value) {
    for (const std::uint8_t third : kEdges) {
      for (const std::uint8_t fourth : kEdges) {
        const std::uint8_t bytes[] = {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value), third,
                                      fourth};
        if (!agrees(bytes, 4)) failure = hex(bytes, 4);
      }
    }
  }
  CHECK(failure == "");
}

TEST_CASE("RFC 3629: every code point is taken") {
  std::size_t refused = 0;
  for (std::uint32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    const Bytes bytes = encode(code_point);
    Utf8Validator validator;
    if (!validator.append(bytes.data(), bytes.size()) || !validator.complete()) ++refused;
  }
  CHECK(refused == 0);
}

/// Texts around each interesting sequence: behind `before` ASCII bytes, before `after` of them.
std::vector<Bytes> texts() {
  const std::vector<Bytes> middles = {
      {},
      {0xC3, 0xA9},
      {0xE2, 0x82, 0xAC},
      {0xF0, 0x9F, 0x98, 0x80},
      {0xED, 0x9F, 0xBF, 0xEE, 0x80, 0x80},
      {0xF4, 0x8F, 0xBF, 0xBF},
      {0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5},
      {0x80},
      {0xC0, 0x80},
      {0xC1, 0xBF},
      {0xE0, 0x9F, 0xBF},
      {0xED, 0xA0, 0x80},
      {0xF0, 0x8F, 0xBF, 0xBF},
      {0xF4, 0x90, 0x80, 0x80},
      {0xF5, 0x80, 0x80, 0x80},
      {0xFF},
      {0xE2, 0x82, 0x41},
      {0xF0, 0x9F, 0x98, 0xC3, 0xA9},
      {0xC3, 0xC3, 0xA9},
  };
  std::vector<Bytes> out;
  for (const auto& middle : middles) {
    for (const std::size_t before : {0, 1, 7, 8, 29, 30, 31, 32, 33, 61, 63, 64, 65, 95}) {
      for (const std::size_t after : {0, 1, 33, 70}) {
        Bytes text(before, 'a');
        text.insert(text.end(), middle.begin(), middle.end());
        text.insert(text.end(), after, 'z');
        out.push_back(text);
      }
    }
  }
  return out;
}

TEST_CASE("RFC 6455 8.1: each text, cut at every place, is refused at the first byte that cannot stand there") {
  std::string failure;
  for (const auto& text : texts()) {
    const auto expected = reference().judge_text(text);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      const auto fed = feed(text, {cut});
      const std::size_t piece = expected.fault == text.size() ? 2 : expected.fault < cut ? 0 : 1;
      if (fed.refused_at != piece || fed.complete != expected.complete) failure = hex(text.data(), text.size());
    }
  }
  CHECK(failure == "");
}

/// A text of `length` bytes or up to three more, of the given kinds of code points.
Bytes random_text(std::mt19937& random, std::size_t length, const std::vector<unsigned>& kinds) {
  constexpr std::uint32_t kFirst[] = {0x00, 0x80, 0x800, 0xE000, 0x10000};
  constexpr std::uint32_t kLast[] = {0x7F, 0x7FF, 0xD7FF, 0xFFFF, 0x10FFFF};
  Bytes out;
  while (out.size() < length) {
    const unsigned kind = kinds[random() % kinds.size()];
    const Bytes next = encode(kFirst[kind] + random() % (kLast[kind] - kFirst[kind] + 1));
    out.insert(out.end(), next.begin(), next.end());
  }
  return out;
}

/// Compares with the reference, the text in one piece and cut at random.
bool agrees_cut(std::mt19937& random, const Bytes& text) {
  const auto expected = reference().judge_text(text);
  for (std::size_t count = 0; count <= 3; ++count) {
    std::vector<std::size_t> cuts(count);
    for (auto& cut : cuts) cut = random() % (text.size() + 1);
    std::sort(cuts.begin(), cuts.end());
    std::size_t piece = 0;
    while (piece < cuts.size() && cuts[piece] <= expected.fault) ++piece;
    if (expected.fault == text.size()) piece = cuts.size() + 1;
    const auto fed = feed(text, cuts);
    if (fed.refused_at != piece || fed.complete != expected.complete) return false;
  }
  return true;
}

TEST_CASE("RFC 6455 8.1: random texts, whole and with one byte changed at every position") {
  constexpr std::uint8_t kBytes[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                     0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xF8, 0xFC, 0xFE, 0xFF};
  const std::vector<std::vector<unsigned>> kinds = {
      {0}, {0, 0, 0, 0, 0, 0, 0, 0, 1}, {1}, {2}, {3}, {4}, {0, 1, 2, 3, 4}};
  std::mt19937 random(3629);
  std::string failure;
  for (int round = 0; round < 100 && failure.empty(); ++round) {
    const Bytes text = random_text(random, random() % 260, kinds[static_cast<std::size_t>(round) % kinds.size()]);
    if (!agrees_cut(random, text)) failure = hex(text.data(), text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
      Bytes changed = text;
      changed[i] = kBytes[random() % std::size(kBytes)];
      if (!agrees_cut(random, changed)) failure = hex(changed.data(), changed.size());
      changed.resize(i);
      if (!agrees_cut(random, changed)) failure = hex(changed.data(), changed.size());
    }
  }
  CHECK(failure == "");
}

TEST_CASE("RFC 6455 8.1: one fault anywhere in a long text is found") {
  std::mt19937 random(8);
  std::size_t missed = 0;
  for (const bool ascii : {true, false}) {
    const Bytes text =
        random_text(random, 3000, ascii ? std::vector<unsigned>{0} : std::vector<unsigned>{0, 1, 2, 3, 4});
    Utf8Validator sound;
    CHECK(sound.append(text.data(), text.size()));
    for (std::size_t i = 0; i < text.size(); ++i) {
      Bytes changed = text;
      changed[i] = 0xFF;
      Utf8Validator validator;
      if (validator.append(changed.data(), changed.size())) ++missed;
    }
  }
  CHECK(missed == 0);
}

TEST_CASE("RFC 6455 8.1: what is unfinished is refused wherever ASCII follows it, and only then") {
  const std::vector<Bytes> unfinished = {{0xC3}, {0xE2}, {0xE2, 0x82}, {0xF0}, {0xF0, 0x9F}, {0xF0, 0x9F, 0x98}};
  const std::vector<Bytes> beginnings = {{}, {0xC3, 0xA9}};
  std::string failure;
  for (const auto& beginning : beginnings) {
    for (std::size_t before = 0; before <= 200; ++before) {
      // Also behind two-byte characters alone, so that no step before it was ASCII.
      for (const bool ascii : {true, false}) {
        Bytes start = beginning;
        start.insert(start.end(), ascii ? before : before % 2, 'a');
        for (std::size_t i = 0; !ascii && i < before / 2; ++i) start.insert(start.end(), {0xC3, 0xA9});
        for (const auto& open : unfinished) {
          Bytes text = start;
          text.insert(text.end(), open.begin(), open.end());
          const std::size_t end = text.size();
          text.insert(text.end(), 200, 'z');
          for (std::size_t after = 0; after <= 200; after += after < 70 ? 1 : 13) {
            Utf8Validator validator;
            const bool taken = validator.append(text.data(), end + after);
            if (taken != (after == 0) || (taken && validator.complete())) failure = hex(text.data(), end + after);
          }
        }
      }
    }
  }
  CHECK(failure == "");
}

TEST_CASE("RFC 6455 8.1: a long text of all kinds, in pieces of one size each") {
  Bytes text;
  for (std::uint32_t i = 0; text.size() < 5000; ++i) {
    constexpr std::uint32_t kKinds[] = {'a', 0xE9, 0x20AC, 0x1F600, 'b', 'c', 0x7FF, 0xFFFF, 0x10FFFF};
    const Bytes next = encode(kKinds[i * i % 9]);
    text.insert(text.end(), next.begin(), next.end());
  }
  for (std::size_t step = 1; step <= 100; ++step) {
    std::vector<std::size_t> cuts;
    for (std::size_t cut = step; cut < text.size(); cut += step) cuts.push_back(cut);
    const auto fed = feed(text, cuts);
    CHECK(fed.refused_at == cuts.size() + 1);
    CHECK(fed.complete);
  }
}

TEST_CASE("reset begins a new text") {
  const std::uint8_t half[] = {0xE2, 0x82};
  Utf8Validator validator;
  CHECK(validator.append(half, 2));
  CHECK_FALSE(validator.complete());
  validator.reset();
  CHECK(validator.complete());
  CHECK(validator.append(reinterpret_cast<const std::uint8_t*>("a"), 1));
  static_assert(sizeof(Utf8Validator) == 4);
}

}  // namespace
