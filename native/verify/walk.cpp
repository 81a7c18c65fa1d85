// SPDX-License-Identifier: Apache-2.0
#include "verify/walk.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/bytes.hpp"
#include "simd/utf8.hpp"

namespace millrace::verify {

namespace {

constexpr std::uint64_t kMinBuffer = 12;  // the root's offset, a table's, and an empty vtable
constexpr std::uint64_t kTooLong = 0x7fffffff;
constexpr std::uint64_t kIdentifierOffset = 4;
constexpr std::uint16_t kMinVtable = 4;
// Java reads what vtables hold as signed numbers: from here on it would look before the table.
constexpr std::uint16_t kMaxInTable = 0x7fff;
constexpr std::uint32_t kOffset = 4;
// Strings that many others share are checked again for each; a byte of text costs less than a table.
constexpr std::uint32_t kTextShift = 4;
// Parts that have one place each take a quarter of the length at most; shared ones are followed twenty times as often.
constexpr std::uint64_t kSharedWorkPerByte = 4;

/// A buffer, or one nested in it. Positions are 64 bits wide: what the largest offsets add up to does not wrap.
struct Bytes {
  const std::uint8_t* start;
  std::uint64_t length;

  /// As flatc's: a buffer is longer than anything in it.
  [[nodiscard]] bool holds(std::uint64_t at, std::uint64_t count) const noexcept {
    return count < length && at <= length - count;
  }
  template <class T>
  [[nodiscard]] T read(std::uint64_t at) const noexcept {
    return base::load<T>(start + at);
  }
};

struct TableStart {
  std::uint64_t at;
  std::uint64_t vtable;
  std::uint16_t vtable_size;

  /// Where a field lies in the table, 0 if it is absent.
  [[nodiscard]] std::uint16_t slot(const Bytes& in, std::uint32_t offset) const noexcept {
    return offset < vtable_size ? in.read<std::uint16_t>(vtable + offset) : std::uint16_t{0};
  }
};

class Walk {
 public:
  Walk(const Schema& schema, std::uint64_t length, Trace* trace) noexcept
      : schema_(schema),
        trace_(trace),
        work_(static_cast<std::int64_t>(
            length + std::min<std::uint64_t>(schema.limits.max_tables, kSharedWorkPerByte * length))) {}

  Fault root(const Bytes& in, std::uint32_t table_index, std::uint32_t depth) noexcept {
    const auto at = in.read<std::uint32_t>(0);
    return at == 0 ? Fault::offset_zero : table(in, at, table_index, depth);
  }

 private:
  Fault table(const Bytes& in, std::uint64_t at, std::uint32_t index, std::uint32_t depth) noexcept;
  Fault field(const Bytes& in, const TableStart& table, const Field& field, std::uint32_t depth) noexcept;
  Fault absent(const Bytes& in, const TableStart& table, const Field& field) const noexcept;
  Fault string(const Bytes& in, std::uint64_t at) noexcept;
  static Fault vector(const Bytes& in, std::uint64_t at, std::uint32_t element) noexcept;
  static Fault elements(const Bytes& in, std::uint64_t at, const Field& field) noexcept;
  Fault strings(const Bytes& in, std::uint64_t at) noexcept;
  Fault tables(const Bytes& in, std::uint64_t at, std::uint32_t index, std::uint32_t depth) noexcept;
  Fault nested(const Bytes& in, std::uint64_t at, std::uint32_t index, std::uint32_t depth) noexcept;
  Fault union_value(const Bytes& in, const TableStart& table, const Field& field, std::uint64_t at,
                    std::uint32_t depth) noexcept;
  Fault unions(const Bytes& in, const TableStart& table, const Field& field, std::uint64_t at,
               std::uint32_t depth) noexcept;
  Fault member(const Bytes& in, const Member& member, std::uint64_t at, std::uint32_t depth) noexcept;
  [[nodiscard]] const Member* find_member(const Field& field, std::uint8_t type) const noexcept;

  [[nodiscard]] bool spend(std::uint64_t work) noexcept {
    work_ -= static_cast<std::int64_t>(work);
    return work_ >= 0;
  }
  Fault in_element(Fault fault, std::uint32_t index) noexcept {
    if (trace_ != nullptr) trace_->add_element(index);
    return fault;
  }

  const Schema& schema_;
  Trace* const trace_;
  std::int64_t work_;
  std::uint32_t tables_ = 0;
};

Fault Walk::table(const Bytes& in, std::uint64_t at, std::uint32_t index, std::uint32_t depth) noexcept {
  if (!in.holds(at, 4)) return Fault::table_past_end;
  if (at % 4 != 0) return Fault::table_misaligned;
  if (depth > schema_.limits.max_depth) return Fault::too_deep;
  if (++tables_ > schema_.limits.max_tables) return Fault::too_many_tables;
  if (!spend(1)) return Fault::takes_too_long;
  // A vtable before the buffer is one far beyond its end.
  const std::uint64_t vtable = at - static_cast<std::uint64_t>(std::int64_t{in.read<std::int32_t>(at)});
  if (!in.holds(vtable, 2)) return Fault::vtable_past_end;
  if (vtable % 2 != 0) return Fault::vtable_misaligned;
  const auto size = in.read<std::uint16_t>(vtable);
  if (size < kMinVtable || size % 2 != 0 || size > kMaxInTable) return Fault::vtable_malformed;
  if (!in.holds(vtable, size)) return Fault::vtable_past_end;

  const TableStart start{at, vtable, size};
  const Table& fields = schema_.tables[index];
  for (std::uint32_t i = fields.first; i != fields.first + fields.count; ++i) {
    if (const Fault fault = field(in, start, schema_.fields[i], depth); fault != Fault::none) {
      // The root of a nested buffer, and what a union is, add no step: the table's own fields do.
      if (trace_ != nullptr) trace_->add_field(i);
      return fault;
    }
  }
  return Fault::none;
}

Fault Walk::field(const Bytes& in, const TableStart& start, const Field& field, std::uint32_t depth) noexcept {
  const std::uint16_t slot = start.slot(in, field.offset);
  if (slot == 0) return absent(in, start, field);
  if (slot > kMaxInTable) return Fault::field_too_far;
  const std::uint64_t at = start.at + slot;
  if (!in.holds(at, field.size)) return Fault::field_past_end;
  if ((at & (field.align - 1u)) != 0) return Fault::field_misaligned;
  if (field.kind == Kind::in_place) return Fault::none;

  const auto offset = in.read<std::uint32_t>(at);
  if (offset == 0) return Fault::offset_zero;
  const std::uint64_t target = at + offset;
  switch (field.kind) {
    case Kind::string:
      return string(in, target);
    case Kind::table:
      return table(in, target, field.target, depth + 1);
    case Kind::vector:
      return elements(in, target, field);
    case Kind::strings:
      return strings(in, target);
    case Kind::tables:
      return tables(in, target, field.target, depth);
    case Kind::union_value:
      return union_value(in, start, field, target, depth);
    case Kind::unions:
      return unions(in, start, field, target, depth);
    case Kind::nested:
      return nested(in, target, field.target, depth);
    case Kind::none:
    case Kind::in_place:
      break;
  }
  return Fault::none;
}

/// A field that its vtable does not have, which matters if it is required, or the other half of a union is there.
Fault Walk::absent(const Bytes& in, const TableStart& start, const Field& field) const noexcept {
  if (field.required) return Fault::required_missing;
  if (field.kind != Kind::union_value && field.kind != Kind::unions) return Fault::none;
  const std::uint16_t types = start.slot(in, field.offset - 2u);
  if (types == 0) return Fault::none;
  if (field.kind == Kind::unions) return Fault::union_value_missing;
  const bool known = find_member(field, in.read<std::uint8_t>(start.at + types)) != nullptr;
  return known ? Fault::union_value_missing : Fault::none;
}

Fault Walk::string(const Bytes& in, std::uint64_t at) noexcept {
  if (!in.holds(at, kOffset)) return Fault::string_past_end;
  if (at % kOffset != 0) return Fault::string_misaligned;
  const std::uint64_t length = in.read<std::uint32_t>(at);
  if (!in.holds(at, kOffset + length)) return Fault::string_past_end;
  const std::uint64_t text = at + kOffset;
  if (!in.holds(text + length, 1) || in.start[text + length] != 0) return Fault::string_not_terminated;
  if (!schema_.limits.check_utf8) return Fault::none;
  if (!spend(length >> kTextShift)) return Fault::takes_too_long;
  simd::Utf8Validator utf8;
  const bool valid = utf8.append(in.start + text, static_cast<std::size_t>(length)) && utf8.complete();
  return valid ? Fault::none : Fault::string_not_utf8;
}

Fault Walk::vector(const Bytes& in, std::uint64_t at, std::uint32_t element) noexcept {
  if (!in.holds(at, kOffset)) return Fault::vector_past_end;
  if (at % kOffset != 0) return Fault::vector_misaligned;
  const std::uint64_t count = in.read<std::uint32_t>(at);
  const bool fits = count < kTooLong / element && in.holds(at, kOffset + count * element);
  return fits ? Fault::none : Fault::vector_past_end;
}

/// Scalars or structs: every builder aligns them, and C++ reads a struct with force_align by instructions that need it.
Fault Walk::elements(const Bytes& in, std::uint64_t at, const Field& field) noexcept {
  if (const Fault fault = vector(in, at, field.target); fault != Fault::none) return fault;
  const bool aligned = in.read<std::uint32_t>(at) == 0 || ((at + kOffset) & (field.element_align - 1u)) == 0;
  return aligned ? Fault::none : Fault::vector_misaligned;
}

Fault Walk::strings(const Bytes& in, std::uint64_t at) noexcept {
  if (const Fault fault = vector(in, at, kOffset); fault != Fault::none) return fault;
  const auto count = in.read<std::uint32_t>(at);
  if (!spend(count)) return Fault::takes_too_long;
  for (std::uint32_t i = 0; i != count; ++i) {
    const std::uint64_t slot = at + kOffset + std::uint64_t{i} * kOffset;
    const auto offset = in.read<std::uint32_t>(slot);
    const Fault fault = offset == 0 ? Fault::offset_zero : string(in, slot + offset);
    if (fault != Fault::none) return in_element(fault, i);
  }
  return Fault::none;
}

Fault Walk::tables(const Bytes& in, std::uint64_t at, std::uint32_t index, std::uint32_t depth) noexcept {
  if (const Fault fault = vector(in, at, kOffset); fault != Fault::none) return fault;
  const auto count = in.read<std::uint32_t>(at);
  if (!spend(count)) return Fault::takes_too_long;
  for (std::uint32_t i = 0; i != count; ++i) {
    const std::uint64_t slot = at + kOffset + std::uint64_t{i} * kOffset;
    const auto offset = in.read<std::uint32_t>(slot);
    const Fault fault = offset == 0 ? Fault::offset_zero : table(in, slot + offset, index, depth + 1);
    if (fault != Fault::none) return in_element(fault, i);
  }
  return Fault::none;
}

Fault Walk::nested(const Bytes& in, std::uint64_t at, std::uint32_t index, std::uint32_t depth) noexcept {
  if (const Fault fault = vector(in, at, 1); fault != Fault::none) return fault;
  const Bytes inner{in.start + at + kOffset, in.read<std::uint32_t>(at)};
  return inner.length < kMinBuffer ? Fault::buffer_too_short : root(inner, index, depth + 1);
}

const Member* Walk::find_member(const Field& field, std::uint8_t type) const noexcept {
  const Union& of = schema_.unions[field.target];
  if (type >= of.count) return nullptr;
  const Member& member = schema_.members[of.first + type];
  return member.kind == Kind::none ? nullptr : &member;
}

Fault Walk::union_value(const Bytes& in, const TableStart& start, const Field& field, std::uint64_t at,
                        std::uint32_t depth) noexcept {
  const std::uint16_t slot = start.slot(in, field.offset - 2u);
  const std::uint8_t type = slot == 0 ? std::uint8_t{0} : in.read<std::uint8_t>(start.at + slot);
  if (type == 0) return Fault::union_type_missing;
  if (const Member* known = find_member(field, type); known != nullptr) return member(in, *known, at, depth);
  return in.holds(at, 1) ? Fault::none : Fault::union_value_past_end;
}

Fault Walk::unions(const Bytes& in, const TableStart& start, const Field& field, std::uint64_t at,
                   std::uint32_t depth) noexcept {
  if (const Fault fault = vector(in, at, kOffset); fault != Fault::none) return fault;
  const std::uint16_t slot = start.slot(in, field.offset - 2u);
  if (slot == 0) return Fault::union_type_missing;
  // The types were walked over just before, as a vector of bytes.
  const std::uint64_t types = start.at + slot + in.read<std::uint32_t>(start.at + slot);
  const auto count = in.read<std::uint32_t>(at);
  if (in.read<std::uint32_t>(types) != count) return Fault::union_lengths_differ;
  if (!spend(count)) return Fault::takes_too_long;
  for (std::uint32_t i = 0; i != count; ++i) {
    const Member* const known = find_member(field, in.read<std::uint8_t>(types + kOffset + i));
    // Builders have nothing to point to from an element without a type.
    if (known == nullptr) continue;
    const std::uint64_t element = at + kOffset + std::uint64_t{i} * kOffset;
    const auto offset = in.read<std::uint32_t>(element);
    const Fault fault = offset == 0 ? Fault::offset_zero : member(in, *known, element + offset, depth);
    if (fault != Fault::none) return in_element(fault, i);
  }
  return Fault::none;
}

Fault Walk::member(const Bytes& in, const Member& member, std::uint64_t at, std::uint32_t depth) noexcept {
  if (member.kind == Kind::table) return table(in, at, member.target, depth + 1);
  if (member.kind == Kind::string) return string(in, at);
  if (!in.holds(at, member.size)) return Fault::struct_past_end;
  return (at & (member.align - 1u)) == 0 ? Fault::none : Fault::struct_misaligned;
}

/// Text that is cut where its place ends.
class Text {
 public:
  Text(char* out, std::size_t capacity) noexcept : begin_(out), at_(out), end_(out + capacity) {}
  void add(std::string_view text) noexcept {
    const std::size_t length = std::min(text.size(), static_cast<std::size_t>(end_ - at_));
    std::memcpy(at_, text.data(), length);
    at_ += length;
  }
  void add(std::uint32_t number) noexcept {
    char digits[10];
    const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    add(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  [[nodiscard]] std::size_t length() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

 private:
  char* const begin_;
  char* at_;
  char* const end_;
};

}  // namespace

Fault walk(const Schema& schema, const std::uint8_t* bytes, std::size_t length, Trace* trace) noexcept {
  if (trace != nullptr) trace->clear();
  if (length < kMinBuffer) return Fault::buffer_too_short;
  if (length >= kTooLong) return Fault::buffer_too_long;
  if (schema.has_identifier && std::memcmp(bytes + kIdentifierOffset, schema.identifier, 4) != 0) {
    return Fault::wrong_identifier;
  }
  return Walk(schema, length, trace).root({bytes, length}, schema.root, 1);
}

std::size_t Trace::describe(const Schema& schema, Fault fault, char* out, std::size_t capacity) const noexcept {
  Text path(out, capacity);
  path.add(schema.name(schema.root_name));
  for (std::uint32_t i = count_; i != 0; --i) {
    const std::uint32_t step = steps_[i - 1];
    if ((step & kElement) != 0) {
      path.add("[");
      path.add(step & ~kElement);
      path.add("]");
    } else {
      path.add(".");
      path.add(schema.name(schema.fields[step].name));
    }
  }
  path.add(": ");
  path.add(text(fault));
  return path.length();
}

}  // namespace millrace::verify
