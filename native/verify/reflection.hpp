// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "verify/schema.hpp"

namespace millrace::verify {

/// What of flatc's reflection.fbs is read when a schema is loaded, by vtable offset.
namespace reflection {

enum SchemaOffset : std::uint16_t { kObjects = 4, kEnums = 6, kFileIdentifier = 8, kRootTable = 12 };
enum ObjectOffset : std::uint16_t { kObjectName = 4, kFields = 6, kIsStruct = 8, kMinAlign = 10, kByteSize = 12 };
enum FieldOffset : std::uint16_t {
  kFieldName = 4,
  kType = 6,
  kOffset = 10,
  kDeprecated = 16,
  kRequired = 18,
  kAttributes = 22,
  kOffset64 = 30,
};
enum TypeOffset : std::uint16_t { kBaseType = 4, kElement = 6, kIndex = 8 };
enum EnumOffset : std::uint16_t { kEnumName = 4, kValues = 6, kIsUnion = 8, kUnderlyingType = 10 };
enum EnumValueOffset : std::uint16_t { kValueName = 4, kValue = 6, kUnionType = 10 };
enum KeyValueOffset : std::uint16_t { kKey = 4, kKeyValue = 6 };

enum BaseType : std::int8_t {
  kNone = 0,
  kTypeOfUnion = 1,
  kBool = 2,
  kByte = 3,
  kUnsignedByte = 4,
  kShort = 5,
  kUnsignedShort = 6,
  kInt = 7,
  kUnsignedInt = 8,
  kLong = 9,
  kUnsignedLong = 10,
  kFloat = 11,
  kDouble = 12,
  kString = 13,
  kVector = 14,
  kObject = 15,
  kUnion = 16,
  kArray = 17,
};

}  // namespace reflection

/// The schema of schemas, with the fields above: a .bfbs that keeps to it can be read without further care.
[[nodiscard]] const Schema& reflection_schema() noexcept;

}  // namespace millrace::verify
