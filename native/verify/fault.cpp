// SPDX-License-Identifier: Apache-2.0
#include "verify/fault.hpp"

namespace millrace::verify {

namespace {

constexpr const char* kTexts[] = {
    "",
    "buffer too short",
    "buffer too long",
    "wrong file identifier",
    "table past end",
    "table misaligned",
    "too deep",
    "too many tables",
    "takes too long to check",
    "vtable past end",
    "vtable misaligned",
    "vtable malformed",
    "required field missing",
    "field offset too large",
    "field past end",
    "field misaligned",
    "offset is zero",
    "vector past end",
    "vector misaligned",
    "string past end",
    "string misaligned",
    "string not terminated",
    "string is not UTF-8",
    "struct past end",
    "struct misaligned",
    "union value missing",
    "union type missing",
    "union value past end",
    "union vectors differ in length",
};

static_assert(sizeof kTexts / sizeof kTexts[0] == kFaults);

}  // namespace

const char* text(Fault fault) noexcept { return kTexts[static_cast<unsigned>(fault)]; }

}  // namespace millrace::verify
