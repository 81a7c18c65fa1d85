// SPDX-License-Identifier: Apache-2.0
#include "verify/schema.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/bytes.hpp"
#include "verify/reflection.hpp"
#include "verify/walk.hpp"

namespace millrace::verify {

namespace {

using namespace reflection;

constexpr std::uint32_t kMaxObjects = 0xffff;
constexpr std::uint32_t kMaxMembers = 1'000'000;
constexpr std::uint32_t kMaxFields = 0x7ffc / 2 - 1;  // of a table: its vtable is read as signed 16 bits
constexpr std::uint16_t kFirstField = 4;
constexpr std::uint16_t kLastField = 0x7ffc;
constexpr std::int32_t kMaxAlign = 256;

/// A table of a binary schema that the walk has let pass.
class View {
 public:
  View(const std::uint8_t* start, std::uint32_t at) noexcept : start_(start), at_(at) {}

  template <class T>
  [[nodiscard]] T scalar(std::uint16_t offset, T otherwise = 0) const noexcept {
    const std::uint32_t at = slot(offset);
    return at == 0 ? otherwise : base::load<T>(start_ + at);
  }
  [[nodiscard]] bool has(std::uint16_t offset) const noexcept { return slot(offset) != 0; }
  [[nodiscard]] View table(std::uint16_t offset) const noexcept { return {start_, target(slot(offset))}; }
  [[nodiscard]] Name name(std::uint16_t offset) const noexcept {
    const std::uint32_t at = target(slot(offset));
    return {at + 4, base::load<std::uint32_t>(start_ + at)};
  }
  [[nodiscard]] std::string_view string(std::uint16_t offset) const noexcept {
    if (!has(offset)) return {};
    const Name at = name(offset);
    return {reinterpret_cast<const char*>(start_) + at.offset, at.length};
  }
  /// A vector of tables; none if it is absent.
  [[nodiscard]] std::uint32_t count(std::uint16_t offset) const noexcept {
    return has(offset) ? base::load<std::uint32_t>(start_ + target(slot(offset))) : 0;
  }
  [[nodiscard]] View element(std::uint16_t offset, std::uint32_t index) const noexcept {
    return {start_, target(target(slot(offset)) + 4 + 4 * index)};
  }

 private:
  [[nodiscard]] std::uint32_t slot(std::uint16_t offset) const noexcept {
    const std::uint8_t* const vtable = start_ + at_ - base::load<std::int32_t>(start_ + at_);
    if (offset >= base::load<std::uint16_t>(vtable)) return 0;
    const auto in_table = base::load<std::uint16_t>(vtable + offset);
    return in_table == 0 ? 0 : at_ + in_table;
  }
  [[nodiscard]] std::uint32_t target(std::uint32_t at) const noexcept {
    return at + base::load<std::uint32_t>(start_ + at);
  }

  const std::uint8_t* start_;
  std::uint32_t at_;
};

[[nodiscard]] std::uint16_t scalar_size(std::int8_t type) noexcept {
  switch (type) {
    case kTypeOfUnion:
    case kBool:
    case kByte:
    case kUnsignedByte:
      return 1;
    case kShort:
    case kUnsignedShort:
      return 2;
    case kInt:
    case kUnsignedInt:
    case kFloat:
      return 4;
    case kLong:
    case kUnsignedLong:
    case kDouble:
      return 8;
    default:
      return 0;
  }
}

/// How many of each there will be.
struct Counts {
  std::uint32_t objects = 0;
  std::uint32_t enums = 0;
  std::uint32_t fields = 0;
  std::uint32_t members = 0;
};

/// Fills the block of memory that a schema is. Everything read has been walked over; what the walk does not see, such
/// as an index, is checked here.
class Compiler {
 public:
  Compiler(const std::uint8_t* bfbs, std::size_t length) noexcept
      : bfbs_(bfbs), length_(length), schema_(bfbs, base::load<std::uint32_t>(bfbs)) {}

  Refusal compile(const Limits& limits, SchemaPointer* out) noexcept;

 private:
  Refusal count() noexcept;
  bool allocate() noexcept;
  Refusal fill_union(std::uint32_t index, std::uint32_t* first) noexcept;
  Refusal fill_table(std::uint32_t index, std::uint32_t* first) noexcept;
  Refusal fill_field(const View& object, const View& from, Field* field) noexcept;
  Refusal fill_vector(const View& object, const View& from, const View& type, Field* field) noexcept;
  Refusal fill_object(const View& type, Field* field) noexcept;
  Refusal fill_nested(const View& object, std::string_view name, std::int8_t element, Field* field) noexcept;
  [[nodiscard]] bool are_unions_whole(const Table& table) const noexcept;
  Refusal find_root() noexcept;

  [[nodiscard]] View object(std::uint32_t index) const noexcept { return schema_.element(kObjects, index); }
  [[nodiscard]] bool is_struct(const View& object) const noexcept {
    return object.scalar<std::uint8_t>(kIsStruct) != 0;
  }
  [[nodiscard]] bool find_object(std::string_view name, std::uint32_t* index) const noexcept;
  [[nodiscard]] static bool layout(const View& object, std::uint32_t* size, std::uint16_t* align) noexcept;

  const std::uint8_t* bfbs_;
  const std::size_t length_;
  View schema_;
  Counts counts_;
  std::uint8_t* block_ = nullptr;
  Schema* made_ = nullptr;
  Table* tables_ = nullptr;
  Field* fields_ = nullptr;
  Union* unions_ = nullptr;
  Member* members_ = nullptr;
};

/// The types of a union that there are: one more than the largest; 0 if it is no union of ours.
[[nodiscard]] std::uint32_t types_of(const View& from) noexcept {
  std::int64_t largest = 0;
  for (std::uint32_t i = 0; i != from.count(kValues); ++i) {
    const auto value = from.element(kValues, i).scalar<std::int64_t>(kValue);
    if (value < 0 || value > 0xff) return 0;
    largest = std::max(largest, value);
  }
  return static_cast<std::uint32_t>(largest) + 1;
}

[[nodiscard]] bool is_union(const View& from) noexcept { return from.scalar<std::uint8_t>(kIsUnion) != 0; }

Refusal Compiler::count() noexcept {
  counts_.objects = schema_.count(kObjects);
  counts_.enums = schema_.count(kEnums);
  if (counts_.objects > kMaxObjects || counts_.enums > kMaxObjects) return Refusal::too_large;
  for (std::uint32_t i = 0; i != counts_.objects; ++i) {
    if (is_struct(object(i))) continue;
    const std::uint32_t fields = object(i).count(kFields);
    if (fields > kMaxFields) return Refusal::too_large;
    counts_.fields += fields;  // each was walked over: no more than the walk's limit
  }
  for (std::uint32_t i = 0; i != counts_.enums; ++i) {
    const View from = schema_.element(kEnums, i);
    if (!is_union(from)) continue;
    const std::uint32_t types = types_of(from);
    if (types == 0 || scalar_size(from.table(kUnderlyingType).scalar<std::int8_t>(kBaseType)) != 1) {
      return Refusal::unsupported;
    }
    counts_.members += types;
    if (counts_.members > kMaxMembers) return Refusal::too_large;
  }
  return Refusal::none;
}

/// One block, so that a schema is given back by one call: the schema, its parts, and the bytes it was made from, where
/// its names are.
bool Compiler::allocate() noexcept {
  const std::size_t tables = sizeof(Schema);
  const std::size_t fields = tables + counts_.objects * sizeof(Table);
  const std::size_t unions = fields + counts_.fields * sizeof(Field);
  const std::size_t members = unions + counts_.enums * sizeof(Union);
  const std::size_t text = members + counts_.members * sizeof(Member);
  static_assert(sizeof(Schema) % alignof(Table) == 0 && alignof(Table) == alignof(Field) &&
                alignof(Field) == alignof(Union) && alignof(Union) == alignof(Member));
  block_ = static_cast<std::uint8_t*>(::operator new(text + length_, std::nothrow));
  if (block_ == nullptr) return false;
  std::memset(block_, 0, text);
  std::memcpy(block_ + text, bfbs_, length_);
  tables_ = new (block_ + tables) Table[counts_.objects];
  fields_ = new (block_ + fields) Field[counts_.fields];
  unions_ = new (block_ + unions) Union[counts_.enums];
  members_ = new (block_ + members) Member[counts_.members];
  made_ = new (block_) Schema{};
  made_->tables = tables_;
  made_->fields = fields_;
  made_->unions = unions_;
  made_->members = members_;
  made_->text = reinterpret_cast<const char*>(block_ + text);
  return true;
}

Refusal Compiler::compile(const Limits& limits, SchemaPointer* out) noexcept {
  if (const Refusal refusal = count(); refusal != Refusal::none) return refusal;
  if (!allocate()) return Refusal::no_memory;
  SchemaPointer made(made_);
  made_->limits = limits;
  std::uint32_t first = 0;
  for (std::uint32_t i = 0; i != counts_.enums; ++i) {
    if (const Refusal refusal = fill_union(i, &first); refusal != Refusal::none) return refusal;
  }
  first = 0;
  for (std::uint32_t i = 0; i != counts_.objects; ++i) {
    if (const Refusal refusal = fill_table(i, &first); refusal != Refusal::none) return refusal;
  }
  if (const Refusal refusal = find_root(); refusal != Refusal::none) return refusal;
  *out = std::move(made);
  return Refusal::none;
}

Refusal Compiler::fill_union(std::uint32_t index, std::uint32_t* first) noexcept {
  const View from = schema_.element(kEnums, index);
  if (!is_union(from)) return Refusal::none;
  Union& made = unions_[index];
  made = {*first, types_of(from)};
  *first += made.count;
  for (std::uint32_t i = 0; i != made.count; ++i) members_[made.first + i] = {0, 0, 1, Kind::none};
  for (std::uint32_t i = 0; i != from.count(kValues); ++i) {
    const View value = from.element(kValues, i);
    const auto type = static_cast<std::uint32_t>(value.scalar<std::int64_t>(kValue));
    if (type == 0) continue;
    if (!value.has(kUnionType)) return Refusal::not_a_schema;
    Member& member = members_[made.first + type];
    if (member.kind != Kind::none) return Refusal::not_a_schema;
    const View of = value.table(kUnionType);
    const auto base = of.scalar<std::int8_t>(kBaseType);
    if (base == kString) {
      member.kind = Kind::string;
      continue;
    }
    if (base != kObject) return Refusal::unsupported;
    Field field{};
    if (const Refusal refusal = fill_object(of, &field); refusal != Refusal::none) return refusal;
    member = {field.size, field.target, field.align, field.kind};
  }
  return Refusal::none;
}

Refusal Compiler::fill_table(std::uint32_t index, std::uint32_t* first) noexcept {
  const View from = object(index);
  if (is_struct(from)) return Refusal::none;
  Table& table = tables_[index];
  table.first = *first;
  for (std::uint32_t i = 0; i != from.count(kFields); ++i) {
    const View field = from.element(kFields, i);
    if (field.scalar<std::uint8_t>(kDeprecated) != 0) continue;
    Field& made = fields_[table.first + table.count++];
    if (const Refusal refusal = fill_field(from, field, &made); refusal != Refusal::none) return refusal;
  }
  *first += table.count;
  // A binary schema has them by name.
  Field* const begin = fields_ + table.first;
  std::sort(begin, begin + table.count, [](const Field& a, const Field& b) { return a.offset < b.offset; });
  for (std::uint32_t i = 1; i < table.count; ++i) {
    if (begin[i].offset == begin[i - 1].offset) return Refusal::not_a_schema;
  }
  return are_unions_whole(table) ? Refusal::none : Refusal::not_a_schema;
}

Refusal Compiler::fill_field(const View& object, const View& from, Field* field) noexcept {
  const View type = from.table(kType);
  const auto base = type.scalar<std::int8_t>(kBaseType);
  *field = {4, 0, from.scalar<std::uint16_t>(kOffset), 4, 4, Kind::in_place, false, false, from.name(kFieldName)};
  field->required = from.scalar<std::uint8_t>(kRequired) != 0;
  if (field->offset < kFirstField || field->offset > kLastField || field->offset % 2 != 0) return Refusal::not_a_schema;
  if (from.scalar<std::uint8_t>(kOffset64) != 0) return Refusal::unsupported;
  switch (base) {
    case kString:
      field->kind = Kind::string;
      return Refusal::none;
    case kVector:
      return fill_vector(object, from, type, field);
    case kObject:
      return fill_object(type, field);
    case kUnion:
      field->kind = Kind::union_value;
      field->target = static_cast<std::uint32_t>(type.scalar<std::int32_t>(kIndex, -1));
      return Refusal::none;
    default:
      field->is_type = base == kTypeOfUnion;
      field->align = scalar_size(base);
      field->size = field->align;
      return field->size != 0 ? Refusal::none : Refusal::unsupported;
  }
}

Refusal Compiler::fill_object(const View& type, Field* field) noexcept {
  const auto index = static_cast<std::uint32_t>(type.scalar<std::int32_t>(kIndex, -1));
  if (index >= counts_.objects) return Refusal::not_a_schema;
  const View of = object(index);
  if (is_struct(of)) {
    field->kind = Kind::in_place;
    return layout(of, &field->size, &field->align) ? Refusal::none : Refusal::not_a_schema;
  }
  field->kind = Kind::table;
  field->target = index;
  return Refusal::none;
}

Refusal Compiler::fill_vector(const View& object, const View& from, const View& type, Field* field) noexcept {
  const auto element = type.scalar<std::int8_t>(kElement);
  field->kind = Kind::vector;
  field->element_align = scalar_size(element);
  field->target = field->element_align;
  field->is_type = element == kTypeOfUnion;
  if (element == kString) {
    field->kind = Kind::strings;
  } else if (element == kUnion) {
    field->kind = Kind::unions;
    field->target = static_cast<std::uint32_t>(type.scalar<std::int32_t>(kIndex, -1));
  } else if (element == kObject) {
    Field of{};
    if (const Refusal refusal = fill_object(type, &of); refusal != Refusal::none) return refusal;
    field->kind = of.kind == Kind::table ? Kind::tables : Kind::vector;
    field->target = of.kind == Kind::table ? of.target : of.size;
    field->element_align = of.align;
  } else if (field->target == 0) {
    return Refusal::unsupported;
  }
  for (std::uint32_t i = 0; i != from.count(kAttributes); ++i) {
    const View attribute = from.element(kAttributes, i);
    const std::string_view key = attribute.string(kKey);
    // flatc's verifier goes into these; one that did not would let pass what flatc's refuses.
    if (key == "flexbuffer") return Refusal::unsupported;
    if (key != "nested_flatbuffer") continue;
    const Refusal refusal = fill_nested(object, attribute.string(kKeyValue), element, field);
    if (refusal != Refusal::none) return refusal;
  }
  return Refusal::none;
}

/// The name is looked up as flatc does: in the namespace of the table, and then in those around it.
Refusal Compiler::fill_nested(const View& object, std::string_view name, std::int8_t element, Field* field) noexcept {
  if (element != kUnsignedByte) return Refusal::not_a_schema;
  std::string_view space = object.string(kObjectName);
  for (;;) {
    const std::size_t dot = space.rfind('.');
    space = space.substr(0, dot == std::string_view::npos ? 0 : dot);
    char qualified[512];
    if (space.size() + 1 + name.size() > sizeof qualified) return Refusal::too_large;
    std::size_t length = 0;
    if (!space.empty()) {
      length = space.copy(qualified, sizeof qualified);
      qualified[length++] = '.';
    }
    length += name.copy(qualified + length, sizeof qualified - length);
    std::uint32_t index = 0;
    if (find_object({qualified, length}, &index)) {
      if (is_struct(this->object(index))) return Refusal::unknown_nesting;
      field->kind = Kind::nested;
      field->target = index;
      return Refusal::none;
    }
    if (space.empty()) return Refusal::unknown_nesting;
  }
}

/// Whether every union of a table has the field with its type, or types, right before it.
bool Compiler::are_unions_whole(const Table& table) const noexcept {
  for (std::uint32_t i = table.first; i != table.first + table.count; ++i) {
    const Field& field = fields_[i];
    if (field.kind != Kind::union_value && field.kind != Kind::unions) continue;
    if (field.target >= counts_.enums || unions_[field.target].count == 0 || i == table.first) return false;
    const Field& types = fields_[i - 1];
    const Kind kind = field.kind == Kind::unions ? Kind::vector : Kind::in_place;
    if (!types.is_type || types.kind != kind || types.offset != field.offset - 2) return false;
  }
  return true;
}

bool Compiler::layout(const View& object, std::uint32_t* size, std::uint16_t* align) noexcept {
  const auto bytes = object.scalar<std::int32_t>(kByteSize);
  const auto boundary = object.scalar<std::int32_t>(kMinAlign);
  if (bytes < 1 || boundary < 1 || boundary > kMaxAlign || !std::has_single_bit(static_cast<unsigned>(boundary))) {
    return false;
  }
  *size = static_cast<std::uint32_t>(bytes);
  *align = static_cast<std::uint16_t>(boundary);
  return true;
}

/// flatc writes the objects sorted by name.
bool Compiler::find_object(std::string_view name, std::uint32_t* index) const noexcept {
  std::uint32_t low = 0;
  std::uint32_t high = counts_.objects;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    const int order = object(middle).string(kObjectName).compare(name);
    if (order == 0) {
      *index = middle;
      return true;
    }
    (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
  }
  return false;
}

Refusal Compiler::find_root() noexcept {
  if (!schema_.has(kRootTable)) return Refusal::no_root;
  const View root = schema_.table(kRootTable);
  if (!find_object(root.string(kObjectName), &made_->root)) return Refusal::not_a_schema;
  if (is_struct(object(made_->root))) return Refusal::no_root;
  const Name name = root.name(kObjectName);
  // Without the namespace; where there is none, from the start.
  const auto space = static_cast<std::uint32_t>(root.string(kObjectName).rfind('.') + 1);
  made_->root_name = {name.offset + space, name.length - space};
  const std::string_view identifier = schema_.string(kFileIdentifier);
  if (!identifier.empty() && identifier.size() != sizeof made_->identifier) return Refusal::not_a_schema;
  made_->has_identifier = !identifier.empty();
  if (made_->has_identifier) std::memcpy(made_->identifier, identifier.data(), sizeof made_->identifier);
  return Refusal::none;
}

constexpr const char* kTexts[] = {
    "",       "no binary schema", "too large", "no root_type", "not supported", "nested_flatbuffer of an unknown type",
    "limits", "no memory"};

}  // namespace

const char* text(Refusal refusal) noexcept { return kTexts[static_cast<unsigned>(refusal)]; }

void SchemaDeleter::operator()(const Schema* schema) const noexcept {
  ::operator delete(const_cast<Schema*>(schema));  // everything in it is one block, and trivial
}

Refusal load(const std::uint8_t* bfbs, std::size_t length, const Limits& limits, SchemaPointer* out) noexcept {
  if (limits.max_depth < 1 || limits.max_depth > kMaxDepth || limits.max_tables < 1 || limits.max_tables > 0x7fffffff) {
    return Refusal::bad_limits;
  }
  if (length > kMaxSchemaBytes) return Refusal::too_large;
  if (walk(reflection_schema(), bfbs, length) != Fault::none) return Refusal::not_a_schema;
  return Compiler(bfbs, length).compile(limits, out);
}

}  // namespace millrace::verify
