// SPDX-License-Identifier: Apache-2.0
#include "fatal.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace millrace::load {

void fatal(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("wsload: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(2);
}

}  // namespace millrace::load
