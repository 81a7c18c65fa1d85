// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include "memory/heap.hpp"

namespace millrace::codec {

/// A stream in the heap, whose state zlib will allocate there too; nullptr when there is no memory.
[[nodiscard]] z_stream* make_stream(memory::Heap* heap) noexcept;

}  // namespace millrace::codec
