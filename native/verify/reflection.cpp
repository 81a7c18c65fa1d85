// SPDX-License-Identifier: Apache-2.0
#include "verify/reflection.hpp"

#include <iterator>

namespace millrace::verify {

namespace {

using namespace reflection;

enum : std::uint32_t { kSchemaTable, kObjectTable, kFieldTable, kTypeTable, kEnumTable, kEnumValueTable, kPairTable };

constexpr Field scalar(std::uint16_t offset, std::uint16_t size) {
  return {size, 0, offset, size, 1, Kind::in_place, false, false, {}};
}
constexpr Field reference(std::uint16_t offset, Kind kind, std::uint32_t target = 0) {
  return {4, target, offset, 4, 4, kind, false, false, {}};
}
constexpr Field required(Field field) {
  field.required = true;
  return field;
}

// Faults of a .bfbs are not described: no field has a name.
constexpr Field kSchemaFields[] = {
    required(reference(kObjects, Kind::tables, kObjectTable)),
    required(reference(kEnums, Kind::tables, kEnumTable)),
    reference(kFileIdentifier, Kind::string),
    reference(kRootTable, Kind::table, kObjectTable),

    required(reference(kObjectName, Kind::string)),
    required(reference(kFields, Kind::tables, kFieldTable)),
    scalar(kIsStruct, 1),
    scalar(kMinAlign, 4),
    scalar(kByteSize, 4),

    required(reference(kFieldName, Kind::string)),
    required(reference(kType, Kind::table, kTypeTable)),
    scalar(kOffset, 2),
    scalar(kDeprecated, 1),
    scalar(kRequired, 1),
    reference(kAttributes, Kind::tables, kPairTable),
    scalar(kOffset64, 1),

    scalar(kBaseType, 1),
    scalar(kElement, 1),
    scalar(kIndex, 4),

    required(reference(kEnumName, Kind::string)),
    required(reference(kValues, Kind::tables, kEnumValueTable)),
    scalar(kIsUnion, 1),
    required(reference(kUnderlyingType, Kind::table, kTypeTable)),

    required(reference(kValueName, Kind::string)),
    scalar(kValue, 8),
    reference(kUnionType, Kind::table, kTypeTable),

    required(reference(kKey, Kind::string)),
    reference(kKeyValue, Kind::string),
};

constexpr Table kTables[] = {{0, 4}, {4, 5}, {9, 7}, {16, 3}, {19, 4}, {23, 3}, {26, 2}};

static_assert(std::size(kSchemaFields) == 28 && std::size(kTables) == kPairTable + 1);

constexpr Schema kReflection = {.tables = kTables,
                                .fields = kSchemaFields,
                                .unions = nullptr,
                                .members = nullptr,
                                .text = "",
                                .limits = {},
                                .root = kSchemaTable,
                                .root_name = {0, 0},
                                .identifier = {'B', 'F', 'B', 'S'},
                                .has_identifier = true};

}  // namespace

const Schema& reflection_schema() noexcept { return kReflection; }

}  // namespace millrace::verify
