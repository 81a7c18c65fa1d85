// SPDX-License-Identifier: Apache-2.0
//
// A schema as the walk wants it: the tables' fields in the order of their vtables, with what is to be checked of each.
// Made from a binary schema (.bfbs) that nobody trusts: it is walked itself, with a schema of reflection.fbs made by
// hand, before anything is read from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace millrace::verify {

/// How much a buffer may ask of the walk. What flatc's verifier has by default.
struct Limits {
  std::uint32_t max_depth = 64;          ///< tables in tables, the root counted; 1 to kMaxDepth
  std::uint32_t max_tables = 1'000'000;  ///< tables visited, as often as they are; 1 to 2^31 - 1
  bool check_utf8 = false;               ///< whether strings have to be well-formed
};

/// The walk's stack: a call and a half of about 150 bytes for each table in another.
inline constexpr std::uint32_t kMaxDepth = 512;

/// Longer binary schemas are refused.
inline constexpr std::size_t kMaxSchemaBytes = 16 << 20;

enum class Kind : std::uint8_t {
  none,      ///< of a union's member: no such type
  in_place,  ///< a scalar or a struct
  string,
  table,
  vector,  ///< of scalars or structs
  strings,
  tables,
  union_value,
  unions,
  nested,  ///< a vector of bytes that is a FlatBuffer of its own
};

struct Name {
  std::uint32_t offset;  ///< in Schema::text
  std::uint32_t length;
};

struct Field {
  std::uint32_t size;    ///< of what lies in the table itself
  std::uint32_t target;  ///< the index of a table or union; of a vector, the bytes of an element
  std::uint16_t offset;  ///< in the vtable
  std::uint16_t align;
  std::uint16_t element_align;  ///< of a vector's elements
  Kind kind;
  bool required;
  bool is_type;  ///< of the union that follows, or the types of its vector
  Name name;
};

struct Table {
  std::uint32_t first;  ///< of its fields
  std::uint32_t count;
};

/// What a union may be: in_place (a struct), string or table.
struct Member {
  std::uint32_t size;
  std::uint32_t target;
  std::uint16_t align;
  Kind kind;
};

struct Union {
  std::uint32_t first;  ///< of its members: that of type t is `first + t`
  std::uint32_t count;  ///< types from here on are not known
};

/// Immutable; any thread.
struct Schema {
  const Table* tables;
  const Field* fields;
  const Union* unions;
  const Member* members;
  const char* text;
  Limits limits;
  std::uint32_t root;
  Name root_name;  ///< without its namespace
  std::uint8_t identifier[4];
  bool has_identifier;

  [[nodiscard]] std::string_view name(const Name& name) const noexcept { return {text + name.offset, name.length}; }
};

/// Why there is no schema.
enum class Refusal : std::uint8_t {
  none,
  not_a_schema,     ///< no .bfbs, one that its own walk refuses, or an index that leads nowhere
  too_large,        ///< longer than kMaxSchemaBytes, or with more of something than there may be
  no_root,          ///< no root_type
  unsupported,      ///< 64-bit vectors and offsets, wide unions, a visible `flexbuffer`
  unknown_nesting,  ///< a `nested_flatbuffer` of a type that there is not
  bad_limits,
  no_memory,
};

/// A few words such as "no root_type", or "" for none.
[[nodiscard]] const char* text(Refusal refusal) noexcept;

struct SchemaDeleter {
  void operator()(const Schema* schema) const noexcept;
};
using SchemaPointer = std::unique_ptr<const Schema, SchemaDeleter>;

/// Compiles the `length` bytes at `bfbs`, which are copied. Takes one block of memory, about twice as long. Any thread.
[[nodiscard]] Refusal load(const std::uint8_t* bfbs, std::size_t length, const Limits& limits,
                           SchemaPointer* out) noexcept;

}  // namespace millrace::verify
