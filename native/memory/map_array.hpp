// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "os/os.hpp"

namespace millrace::memory {

/// An array of zeroed objects in a mapping of its own. 0 or -errno.
template <class T>
[[nodiscard]] int map_array(std::size_t count, T** out, std::size_t* length) noexcept {
  *length = base::align_up<std::size_t>(count * sizeof(T), os::page_size());
  void* start = nullptr;
  if (const int result = os::map_pages(*length, os::page_size(), &start); result < 0) return result;
  *out = static_cast<T*>(start);
  return 0;
}

template <class T>
void unmap_array(T** array, std::size_t length) noexcept {
  if (*array != nullptr) os::unmap_pages(*array, length);
  *array = nullptr;
}

}  // namespace millrace::memory
