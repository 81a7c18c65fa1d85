// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace::load {

/// Prints one line on stderr and ends the program with status 2: a load generator that cannot do
/// what was asked must not go on and print a figure.
[[noreturn]] __attribute__((format(printf, 1, 2))) void fatal(const char* format, ...);

}  // namespace millrace::load
