// SPDX-License-Identifier: Apache-2.0
#include "sockets.hpp"

#include <filesystem>

namespace millrace::os::test {

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace millrace::os::test
